import type { Outgoing, QueueName } from "#src/platform/queue.ts";
import type { Channel } from "./channel.ts";

/** Where work of a text goes: urgent texts have a queue of their own, but only the bot's host can send what is the bot's. */
export function queueOf(channel: Pick<Channel, "queue">, urgent: boolean): QueueName {
  return urgent && channel.queue !== "deliver-wechaty" ? "urgent" : channel.queue;
}

/** Where work goes that may well hang: so that nobody who answers has to wait for it, and it is waited for together. */
export function lateQueueOf(channel: Pick<Channel, "queue" | "lateQueue">, urgent: boolean): QueueName {
  return urgent ? queueOf(channel, true) : (channel.lateQueue ?? channel.queue);
}

export function planningQueue(urgent: boolean): QueueName {
  return urgent ? "urgent" : "fanout";
}

/** Marks messages as one announcement's, so that a heavy one does not delay the others. */
export function grouped(announcementId: string, messages: Outgoing[]): Outgoing[] {
  return messages.map((message) => ({ ...message, group: announcementId }));
}
