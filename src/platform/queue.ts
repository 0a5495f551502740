/** The queue: messages delivered at least once, in no order, perhaps late, perhaps twice. */

/** `body` is JSON under 200 KB, of ids and addresses, never of texts that people wrote. */
export type Outgoing = {
  body: unknown;
  delaySeconds?: number;
  /** Whose work it is: a group with much of it does not delay the others where the queue can tell them apart. */
  group?: string;
};

/** `receipt` names this one delivery of the message; `receives` counts deliveries, from 1. */
export type Message = { id: string; receipt: string; body: unknown; receives: number };

export type Queue = {
  /** Durable when it returns. `delaySeconds` 0 to 900 (the limit of SQS). */
  send(messages: Outgoing[]): Promise<void>;
  /** Up to `max` messages, hidden from others for `visibleAfterSeconds`; waits at most `waitSeconds` for the first. */
  receive(options: { max: number; waitSeconds: number; visibleAfterSeconds: number }): Promise<Message[]>;
  /** Ends a message; unknown or outdated receipts are ignored. */
  done(receipts: string[]): Promise<void>;
  /** Makes a message visible again after so many seconds (0: at once). */
  postpone(receipt: string, seconds: number): Promise<void>;
};

/** Answers the ids of the messages to deliver again. An exception means: all of them. */
export type MessageHandler = (messages: Message[]) => Promise<{ failed: string[] }>;

/** Every queue has a dead-letter queue behind it, reached after `receives` deliveries. */
export type QueueSpec = { name: QueueName; visibilitySeconds: number; receives: number; batch: number };

/** `deliver-<channel>` for each channel of src/domain/deliveries/channel.ts; `urgent` carries both kinds of work of urgent texts. */
export const QUEUE_NAMES = [
  "fanout",
  "urgent",
  "deliver-webhook",
  "deliver-wechaty",
  "deliver-wecom-robot",
  "deliver-wecom-app",
  "deliver-official-account",
  "deliver-dingtalk",
  "deliver-feishu",
  "deliver-web-push",
  "deliver-email",
  "deliver-websub",
] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

const figures: Partial<Record<QueueName, Partial<QueueSpec>>> = {
  fanout: { visibilitySeconds: 180, batch: 1 },
  "deliver-webhook": { batch: 2 },
};

export const QUEUES = Object.fromEntries(
  QUEUE_NAMES.map((name) => [name, { name, visibilitySeconds: 360, receives: 10, batch: 1, ...figures[name] }]),
) as Record<QueueName, QueueSpec>;
