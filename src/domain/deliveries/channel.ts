import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { InputError } from "#src/errors.ts";
import type { QueueName } from "#src/platform/queue.ts";
import type { Language } from "#src/text.ts";

/** Channels that push; feeds are pulled and have no deliveries. A new channel is one word here, then the compiler leads. */
export const CHANNELS = ["webhook", "wechaty"] as const;
export type ChannelName = (typeof CHANNELS)[number];

/** What the channel can promise when a step is cut off in the middle (design: honest guarantees). */
export type Guarantee = "at-most-once" | "at-least-once" | "provider-deduplicated";

/** Limits as data: shown by pages, API and docs, and obeyed by the sender. */
export type Limits = {
  /** Pushes in flight at once, and of those towards one origin or account. */
  inFlight: number;
  inFlightPerOrigin: number;
  /** Steady rate and burst per credential (origin, account, robot); absent: no limit of the channel's own. */
  rate?: { per: "minute" | "second"; count: number; burst: number };
  /** Largest message in UTF-8 bytes. */
  bytes: number;
  /** Deliveries in one chunk. */
  chunk: number;
  /** Seconds: to connect, to the answer's head, in all. */
  seconds: { connect: number; answer: number; total: number };
};

/** An endpoint as a push needs it: everything frozen when the chunk was planned. */
export type Target = {
  /** `endpointKey` of channel and address. */
  endpoint: string;
  address: string;
  language: Language;
  /** Signing secrets, newest first; two during a rotation. Base64 without prefix, 24 to 64 bytes. */
  secrets: string[];
  /** Topics that matched, every one of them. */
  matched: string[];
};

/** `deliveryId` stays the same over every attempt; receivers drop repeats by it. */
export type Push = { deliveryId: string; attempt: number; target: Target };

/**
 * What one attempt came to. A channel answers one of these and throws only for what it did not expect.
 * - delivered: the receiver said yes. accepted: a provider took it, the receipt follows.
 * - gone: the address has ended (410, unfollowed): the subscription ends. rejected: this message will never be taken.
 * - retry: not now. `retryAfterSeconds` when the receiver named a time (at most 86,400).
 * - unknown: the bytes left, no answer came.
 * `detail` is for the operator: short, without secrets.
 */
export type Outcome =
  | { kind: "delivered" | "accepted"; status?: number; receipt?: string }
  | { kind: "gone" | "rejected"; status?: number; detail: string }
  | { kind: "retry"; status?: number; detail: string; retryAfterSeconds?: number }
  | { kind: "unknown"; detail: string };

export type ConfirmOutcome = "confirmed" | "sent" | "refused";

export type Channel<Rendered = unknown> = {
  name: ChannelName;
  guarantee: Guarantee;
  limits: Limits;
  queue: QueueName;
  /** Seconds before each further attempt, before jitter of ±20 %; when they are used up the delivery has failed. */
  retrySeconds: readonly number[];
  /** Whether a delivery of unknown outcome is tried again by itself. */
  retriesUnknown: boolean;
  /**
   * Checks and normalises an address (pointer `/endpoint/address`); the same place always gives the same text.
   * `textOnly`: without asking anybody about it, for thousands at once.
   */
  address(address: string, options?: { textOnly?: boolean }): Promise<{ address: string } | { errors: InputError[] }>;
  /** Asks the endpoint itself. `confirmed`: it agreed at once; `sent`: a code is on its way; `refused`: it did not agree. */
  confirm(target: Target, challenge: string, requestedBy: string): Promise<ConfirmOutcome>;
  /** Once per revision and language: what does not depend on the endpoint. */
  render(revision: Revision, language: Language, links: Links): Rendered;
  push(rendered: Rendered, push: Push): Promise<Outcome>;
  /** Ends connections; called once at the stop of a process. */
  close(): Promise<void>;
};

/** Absolute addresses of what a rendering links to. */
export type Links = { announcement: (id: string) => string; source: string };
