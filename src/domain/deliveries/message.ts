import { z } from "zod";
import { Fallback, QuietHours } from "#src/domain/subscriptions/subscription.ts";
import { ChunkRef } from "./store.ts";

/** On the queue `fanout`: plan this range (named by where it begins). */
export const RangeMessage = z.strictObject({ announcementId: z.string(), revision: z.number(), range: z.string() });
export type RangeMessage = z.infer<typeof RangeMessage>;

/** A member as its chunk's message carries it. No address: it saw an earlier revision, but wants nothing any more. */
export const MessageTarget = z.strictObject({
  address: z.string(),
  language: z.enum(["zh-CN", "en"]),
  secrets: z.array(z.string()),
  frequency: z.enum(["daily", "weekly"]).exactOptional(),
  quietHours: QuietHours.exactOptional(),
  after: Fallback.exactOptional(),
});
export type MessageTarget = z.infer<typeof MessageTarget>;

/** On a channel's queue: send a chunk. `targets` in the order of `members`; without them both are read again. */
export const ChunkMessage = z.strictObject({
  kind: z.literal("chunk"),
  ref: ChunkRef,
  chunk: z
    .strictObject({ members: z.string(), sets: z.array(z.array(z.string())), which: z.string().exactOptional() })
    .exactOptional(),
  targets: z.array(MessageTarget).exactOptional(),
});
export type ChunkMessage = z.infer<typeof ChunkMessage>;

/** On a channel's queue: try these members of a chunk again. */
export const RetryMessage = z.strictObject({
  kind: z.literal("retry"),
  ref: ChunkRef,
  endpoints: z.array(z.string()),
});
export type RetryMessage = z.infer<typeof RetryMessage>;

/** On a channel's queue: ask an endpoint whether it wants this subscription. `tries` so far. */
export const ConfirmMessage = z.strictObject({
  kind: z.literal("confirm"),
  subscriptionId: z.string(),
  tries: z.number().default(0),
});
export type ConfirmMessage = z.infer<typeof ConfirmMessage>;

export const ChannelMessage = z.discriminatedUnion("kind", [ChunkMessage, RetryMessage, ConfirmMessage]);
export type ChannelMessage = z.infer<typeof ChannelMessage>;
