import { z } from "zod";
import { Fallback, QuietHours } from "#src/domain/subscriptions/subscription.ts";
import { schema } from "#src/schema.ts";
import { ChunkRef } from "./store.ts";

/** On the queue `fanout`: plan this range (named by where it begins). */
export const RangeMessage = schema(() =>
  z.strictObject({ announcementId: z.string(), revision: z.number(), range: z.string() }),
);
export type RangeMessage = z.infer<ReturnType<typeof RangeMessage>>;

/** A member as its chunk's message carries it. No address: it saw an earlier revision, but wants nothing any more. */
export const MessageTarget = schema(() =>
  z.strictObject({
    address: z.string(),
    language: z.enum(["zh-CN", "en"]),
    secrets: z.array(z.string()),
    frequency: z.enum(["daily", "weekly"]).exactOptional(),
    quietHours: QuietHours().exactOptional(),
    after: Fallback().exactOptional(),
  }),
);
export type MessageTarget = z.infer<ReturnType<typeof MessageTarget>>;

/** By the ten thousand and written by ourselves, so checked by hand. */
const MessageTargets = schema(() =>
  z.custom<MessageTarget[]>((value) => Array.isArray(value) && value.every(isTarget)),
);

function isTarget(value: unknown): value is MessageTarget {
  if (typeof value !== "object" || value === null) return false;
  const { address, language, secrets, frequency, quietHours, after } = value as Record<string, unknown>;
  const plain = typeof address === "string" && (language === "zh-CN" || language === "en") && Array.isArray(secrets);
  if (!plain || !secrets.every((secret) => typeof secret === "string")) return false;
  if (frequency === undefined && quietHours === undefined && after === undefined) return true;
  return MessageTarget().safeParse(value).success;
}

/** On the queue `fanout`: a receipt whose chunk was being sent when it came. */
export const ReceiptMessage = schema(() =>
  z.strictObject({
    kind: z.literal("receipt"),
    channel: z.string(),
    receipt: z.string(),
    outcome: z.enum(["delivered", "failed"]),
    detail: z.string().exactOptional(),
  }),
);
export type ReceiptMessage = z.infer<ReturnType<typeof ReceiptMessage>>;

/** On the queue `fanout`: try again whatever is in this state from window `after` of range `range` on. */
export const RetryAllMessage = schema(() =>
  z.strictObject({
    kind: z.literal("retry-all"),
    announcementId: z.string(),
    revision: z.number(),
    state: z.enum(["failed", "unknown"]),
    range: z.string(),
    after: z.string(),
  }),
);
export type RetryAllMessage = z.infer<ReturnType<typeof RetryAllMessage>>;

/** On the queue `fanout`: a person's wish to try one delivery again; others of its chunk were being sent. `attempts` it had then. */
export const RetryOneMessage = schema(() =>
  z.strictObject({
    kind: z.literal("retry-one"),
    delivery: z.string(),
    attempts: z.number(),
    anyway: z.boolean(),
  }),
);
export type RetryOneMessage = z.infer<ReturnType<typeof RetryOneMessage>>;

/** On the queue `fanout`: what a person found out about a delivery, by how it stood then (`attempts`); others of its chunk were being sent. */
export const SettleOneMessage = schema(() =>
  z.strictObject({
    kind: z.literal("settle-one"),
    delivery: z.string(),
    attempts: z.number(),
    state: z.enum(["delivered", "failed"]),
    reason: z.string(),
    by: z.string(),
    byName: z.string().exactOptional(),
  }),
);
export type SettleOneMessage = z.infer<ReturnType<typeof SettleOneMessage>>;

/** On the queue `fanout`: give an endpoint what it missed, from this day and place on. */
export const ReplayMessage = schema(() =>
  z.strictObject({
    kind: z.literal("replay"),
    endpoint: z.string(),
    since: z.string(),
    day: z.string(),
    after: z.string().exactOptional(),
  }),
);
export type ReplayMessage = z.infer<ReturnType<typeof ReplayMessage>>;

/** On the queue `fanout`: what became of a digest for this endpoint later is to stand in the ledgers of its items, too. */
export const OutcomeMessage = schema(() =>
  z.strictObject({ kind: z.literal("outcome"), digest: z.string(), endpoint: z.string() }),
);
export type OutcomeMessage = z.infer<ReturnType<typeof OutcomeMessage>>;

/** On the queue `fanout`: the settings of a channel have changed (`setup`: their version), so try again what waits for that. */
export const WakeMessage = schema(() =>
  z.strictObject({
    kind: z.literal("wake"),
    channel: z.string(),
    setup: z.number(),
    partition: z.number(),
    after: z.string().exactOptional(),
    /** The second time, for what was stored during the first. */
    again: z.literal(true).exactOptional(),
  }),
);
export type WakeMessage = z.infer<ReturnType<typeof WakeMessage>>;

/**
 * On the queue `fanout`: other windows or quotas hold for a channel (`setup`: since that version of its settings), so tell those
 * who wait for a turn, in their order, their new ones.
 */
export const TurnsMessage = schema(() =>
  z.strictObject({
    kind: z.literal("turns"),
    channel: z.string(),
    setup: z.number(),
    from: z.string().exactOptional(),
    /** The second time, for what was stored during the first. */
    again: z.literal(true).exactOptional(),
    /** The same settings hold, but turns of these endpoints' credentials are free: whoever waits moves up. */
    freed: z.array(z.string()).exactOptional(),
    /** Those who wait have moved up: tell whoever was promised a turn before then (milliseconds since 1970). */
    before: z.number().exactOptional(),
  }),
);
export type TurnsMessage = z.infer<ReturnType<typeof TurnsMessage>>;
/** On the queue `fanout`: an endpoint's secret was named anew, so try again what waits for that. `times` that it was looked for so far. */
export const WakeEndpointMessage = schema(() =>
  z.strictObject({
    kind: z.literal("wake-endpoint"),
    channel: z.string(),
    endpoint: z.string(),
    times: z.number(),
    after: z.string().exactOptional(),
  }),
);
export type WakeEndpointMessage = z.infer<ReturnType<typeof WakeEndpointMessage>>;

/** Work on what was planned long ago. */
export const LaterMessage = schema(() =>
  z.discriminatedUnion("kind", [
    ReceiptMessage(),
    RetryAllMessage(),
    RetryOneMessage(),
    SettleOneMessage(),
    ReplayMessage(),
    WakeMessage(),
    TurnsMessage(),
    WakeEndpointMessage(),
    OutcomeMessage(),
  ]),
);
export type LaterMessage = z.infer<ReturnType<typeof LaterMessage>>;

/** Everything that the queue `fanout` carries; a range is told by having no kind. */
export const PlanMessage = schema(() => z.union([RangeMessage(), LaterMessage()]));

/** On a channel's queue: send a chunk. `targets` in the order of `members`; without them both are read again. */
export const ChunkMessage = schema(() =>
  z.strictObject({
    kind: z.literal("chunk"),
    ref: ChunkRef(),
    chunk: z
      .strictObject({ members: z.string(), sets: z.array(z.array(z.string())), which: z.string().exactOptional() })
      .exactOptional(),
    targets: MessageTargets().exactOptional(),
  }),
);
export type ChunkMessage = z.infer<ReturnType<typeof ChunkMessage>>;

/** On a channel's queue: try these members of a chunk again. */
export const RetryMessage = schema(() =>
  z.strictObject({
    kind: z.literal("retry"),
    ref: ChunkRef(),
    endpoints: z.array(z.string()),
  }),
);
export type RetryMessage = z.infer<ReturnType<typeof RetryMessage>>;

/**
 * On a channel's queue: ask an endpoint whether it wants this subscription. `tries` so far. `leaving`: ask whether it wants it no
 * more, or tell it that it was ended here.
 */
export const ConfirmMessage = schema(() =>
  z.strictObject({
    kind: z.literal("confirm"),
    subscriptionId: z.string(),
    tries: z.number().default(0),
    leaving: z.enum(["asked", "denied"]).exactOptional(),
    /** When the pace of the channel lets it be asked (milliseconds since 1970). */
    turnAt: z.number().exactOptional(),
    /** The mark of its having been counted against its address. */
    countedAt: z.string().exactOptional(),
  }),
);
export type ConfirmMessage = z.infer<ReturnType<typeof ConfirmMessage>>;

/** On a channel's queue: ask its provider what became of the message with this receipt. */
export const AskMessage = schema(() => z.strictObject({ kind: z.literal("ask"), receipt: z.string() }));
export type AskMessage = z.infer<ReturnType<typeof AskMessage>>;

export const ChannelMessage = schema(() =>
  z.discriminatedUnion("kind", [ChunkMessage(), RetryMessage(), ConfirmMessage(), AskMessage()]),
);
export type ChannelMessage = z.infer<ReturnType<typeof ChannelMessage>>;
