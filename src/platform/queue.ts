/** The queue: messages delivered at least once, in no order, perhaps late, perhaps twice. */

/**
 * `body` is JSON under 200 KB, of ids and addresses, never of texts that people wrote. `group` (1 to 128 visible
 * ASCII characters) names what the message is part of: messages of other groups are not kept waiting behind a group that
 * has many in the queue. It promises no order, and nothing between messages without one.
 */
export type Outgoing = { body: unknown; delaySeconds?: number; group?: string };

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

/** What a handler may tell whoever called it. `waits`: from here on it only waits for others, and may be called beside more calls than usual. */
export type Call = { waits(): void };

/** Answers the ids of the messages to deliver again. An exception means: all of them. `call`: only where calls at once are counted. */
export type MessageHandler = (messages: Message[], call?: Call) => Promise<{ failed: string[] }>;

/**
 * Every queue has a dead-letter queue behind it, reached after `receives` deliveries. `batch`: messages a call where calls
 * are paid for; in one process each message has a call of its own, so that one that hangs keeps no other from its place.
 */
export type QueueSpec = { name: QueueName; visibilitySeconds: number; receives: number; batch: number };

/** `deliver-<channel>` for each channel of src/domain/deliveries/channel.ts; `urgent` carries both kinds of work of urgent texts, `deliver-late` webhooks that may hang. */
export const QUEUE_NAMES = [
  "fanout",
  "urgent",
  "deliver-webhook",
  "deliver-late",
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
  // A thousand webhooks a call: what a receiver takes to answer is waited for once, and of two calls one is spared.
  "deliver-webhook": { batch: 10 },
  // Who never answers is waited for together, and not in a call with those who do.
  "deliver-late": { batch: 10, visibilitySeconds: 400 },
  "deliver-web-push": { batch: 10 },
  "deliver-wecom-robot": { batch: 5 },
  "deliver-dingtalk": { batch: 5 },
  "deliver-feishu": { batch: 5 },
};

export const QUEUES = Object.fromEntries(
  QUEUE_NAMES.map((name) => [name, { name, visibilitySeconds: 360, receives: 10, batch: 1, ...figures[name] }]),
) as Record<QueueName, QueueSpec>;
