import { z } from "zod";
import { isTimeZone } from "#src/domain/calendar/zones.ts";
import { fault } from "#src/errors.ts";
import { schema } from "#src/schema.ts";
import { Topics } from "./topic.ts";

export const FREQUENCIES = ["now", "daily", "weekly"] as const;
export const Frequency = schema(() => z.enum(FREQUENCIES));
export type Frequency = z.infer<ReturnType<typeof Frequency>>;

const clock = schema(() =>
  z.string().regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, fault("CLOCK", "时间应为 HH:MM", "a time of day is HH:MM")),
);

export const NO_ZONE = fault(
  "TIME_ZONE",
  "时区应为 IANA 名称，如 Asia/Shanghai",
  "a time zone is an IANA name such as Europe/Berlin",
);

const timeZone = schema(() => z.string().max(64).refine(isTimeZone, NO_ZONE));

/** A daily window in which nothing is sent, by the clocks of a time zone (Asia/Shanghai when none is named); it may cross midnight. */
export const QuietHours = schema(() =>
  z
    .strictObject({ from: clock(), to: clock(), timeZone: timeZone().exactOptional() })
    .refine(
      ({ from, to }) => from !== to,
      fault("QUIET_HOURS", "免打扰时段的起止时间不得相同", "quiet hours must not start and end at the same time"),
    ),
);
export type QuietHours = z.infer<ReturnType<typeof QuietHours>>;

/** Stands in for another endpoint of the same person, when that one did not get a text within so many minutes. */
export const Fallback = schema(() =>
  z.strictObject({
    endpoint: z.string(),
    minutes: z.int().min(1).max(1440),
  }),
);
export type Fallback = z.infer<ReturnType<typeof Fallback>>;

/** `switched-off`: it failed for days; a new confirmation turns it on again. */
export const SubscriptionStatus = schema(() => z.enum(["pending", "confirmed", "ended", "switched-off"]));
export type SubscriptionStatus = z.infer<ReturnType<typeof SubscriptionStatus>>;

/**
 * Why a subscription ended. The address itself: `gone` (410, unfollowed), `bounced` (does not exist), `failing` (for
 * days). Its owner: `complained` (marked as spam), `blocked` (refuses us), `unsubscribed`, `renewed` (asked anew, which
 * took its place). Who runs the service: `retired` (its own test endpoint, which is another one now or none).
 */
export const END_REASONS = [
  "gone",
  "bounced",
  "complained",
  "blocked",
  "unsubscribed",
  "failing",
  "renewed",
  "retired",
] as const;
export type EndReason = (typeof END_REASONS)[number];

/** After these nobody else can turn it on again: only a new confirmation by the endpoint itself. */
export const SUPPRESSING: readonly EndReason[] = ["bounced", "complained", "blocked", "unsubscribed"];

/** What an endpoint wants. Secrets in the form of its channel, newest first; token and challenge are kept as SHA-256 only. */
export const Subscription = schema(() =>
  z.object({
    id: z.string(),
    channel: z.string(),
    address: z.string(),
    /** `endpointKey` of channel and address. */
    endpoint: z.string(),
    topics: Topics(),
    frequency: Frequency(),
    quietHours: QuietHours().exactOptional(),
    language: z.enum(["zh-CN", "en"]),
    /** The first choice, by its endpoint key. */
    after: Fallback().exactOptional(),
    /** The endpoint that it moves from, until it confirms the new one: who stands in for that follows. */
    movedFrom: z.string().exactOptional(),
    status: SubscriptionStatus(),
    secrets: z.array(z.string()),
    manageTokenHash: z.string().exactOptional(),
    challengeHash: z.string().exactOptional(),
    /** The challenge it was confirmed by: the same answer a second time is no mistake. */
    answeredHash: z.string().exactOptional(),
    /** Wrong codes since the challenge was made; too many void it. */
    wrongCodes: z.number().exactOptional(),
    /** It ends by itself then, and a newer one of the same endpoint takes its place before (WebSub's lease). */
    leaseUntil: z.string().exactOptional(),
    requestedAt: z.string(),
    confirmedAt: z.string().exactOptional(),
    endedAt: z.string().exactOptional(),
    /** An end that was noted in other words was the reader's own wish. */
    endedBecause: z.enum(END_REASONS).catch("unsubscribed").exactOptional(),
    /** The legal basis that an admin gave for confirming it without the endpoint, and who that was. */
    basis: z.string().exactOptional(),
    importedBy: z.string().exactOptional(),
    version: z.number(),
  }),
);
export type Subscription = z.infer<ReturnType<typeof Subscription>>;
