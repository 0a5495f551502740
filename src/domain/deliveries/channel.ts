import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { InputError } from "#src/errors.ts";
import type { QueueName } from "#src/platform/queue.ts";
import type { Language, Text } from "#src/text.ts";

/** Channels that push; feeds are pulled and have no deliveries. A new channel is one word here, then the compiler leads. */
export const CHANNELS = [
  "webhook",
  "wechaty",
  "wecom-robot",
  "wecom-app",
  "official-account",
  "dingtalk",
  "feishu",
  "web-push",
  "email",
  "websub",
] as const;
export type ChannelName = (typeof CHANNELS)[number];

/** What the channel can promise when a step is cut off in the middle (design: honest guarantees). */
export type Guarantee = "at-most-once" | "at-least-once" | "provider-deduplicated";

/** Limits as data: shown by pages, API and docs, and obeyed by the sender. */
export type Limits = {
  /** Pushes in flight at once, and of those towards one origin or account. */
  inFlight: number;
  inFlightPerOrigin: number;
  /** Per credential: never more than `count` pushes in any stretch of `seconds`. Absent: no limit of the channel's own. */
  windows?: readonly Window[];
  /** Per credential: the least and the most seconds between two pushes, drawn at random. */
  spacing?: readonly [least: number, most: number];
  /** What the vendor allows in a calendar day or month of Asia/Shanghai, per account, credential or endpoint. */
  quotas?: readonly Quota[];
  /** Per credential: after a fresh login or a pause the rate climbs from so many a minute to the full one in so many seconds. */
  slowStart?: { perMinute: number; seconds: number };
  /** Largest message in UTF-8 bytes. */
  bytes: number;
  /** Deliveries in one chunk. */
  chunk: number;
  /** Seconds: to connect, to the answer's head, in all. */
  seconds: { connect: number; answer: number; total: number };
};

export type Window = { seconds: number; count: number };
/** `account`: what all credentials of one account (`Channel.account`) share. */
export type Quota = { per: "day" | "month"; of: "account" | "credential" | "endpoint"; count: number };

/** An endpoint as a push needs it: everything frozen when the chunk was planned. */
export type Target = {
  /** `endpointKey` of channel and address. */
  endpoint: string;
  address: string;
  language: Language;
  /**
   * Secrets in the form that the channel's `secret` gave them, newest first. Without `secret`: Standard Webhooks' own,
   * base64 without prefix, 24 to 64 bytes, two during a rotation.
   */
  secrets: string[];
  /** Topics that matched, every one of them. */
  matched: string[];
};

/**
 * `deliveryId` stays the same over every attempt; receivers drop repeats by it. `signal`, once aborted, says that nobody waits for the
 * answer any more: a channel may end the attempt as if its time were up.
 */
export type Push = { deliveryId: string; attempt: number; target: Target; signal?: AbortSignal };

/**
 * What one attempt came to. A channel answers one of these and throws only for what it did not expect.
 * - delivered: the receiver said yes. accepted: a provider took it, the receipt follows.
 * - gone: the address has ended (410, unfollowed): the subscription ends. `because: "bounced"`: there
 *   is no such address; it has to say yes itself before anything is pushed to it again.
 * - rejected: this message will never be taken.
 * - retry: not now. `retryAfterSeconds` when the receiver named a time (at most 86,400).
 * - unknown: the bytes left, no answer came.
 * `detail` is for the operator: short, without secrets. `receipt` is the provider's own id for the message, by which a
 * later receipt names it. `spentBefore`: the vendor took it at an earlier attempt, so that this one cost nothing of a day's or
 * month's allowance.
 */
export type Outcome =
  | { kind: "delivered" | "accepted"; status?: number; receipt?: string; spentBefore?: boolean }
  | { kind: "gone"; status?: number; detail: string; because?: "bounced" }
  | { kind: "rejected"; status?: number; detail: string }
  | { kind: "retry"; status?: number; detail: string; retryAfterSeconds?: number; pause?: Pause }
  | { kind: "unknown"; detail: string; receipt?: string; spentBefore?: boolean };

/**
 * What a provider says when it is asked what became of a message that it took.
 * - delivered, failed: that is the end of it; `detail` as in `Outcome`. pending: it is still at it.
 * - unknown: it cannot say, or no answer that can be read came.
 */
export type Word = { kind: "delivered" | "pending" | "unknown" } | { kind: "failed"; detail: string };

/**
 * The vendor's word against the whole credential: nothing more is pushed with it for so long. `rate`: too fast. `quota`:
 * the day's or month's allowance is used up. `configuration`: a right or a setting is missing, and an operator has to act.
 */
export type Pause = { seconds: number; because: "rate" | "quota" | "configuration" };

/** `paused`: refused as a push would be, with the vendor's word against the whole credential. */
export type ConfirmOutcome = "confirmed" | "sent" | "refused" | { paused: Pause };

/**
 * How an endpoint says yes. `echo`: a machine returns the challenge at once. `code`: people send a short code back from
 * where it arrived. `link`: people open a page (`Links.confirm`) and press a button there.
 */
export type ConfirmWay = "echo" | "code" | "link";

/** Several revisions in one message, the newest first; `at` is the moment of the digest (RFC 3339). */
export type Digest = { frequency: "daily" | "weekly"; at: string; revisions: Revision[] };

/** What a reader of this channel will see, before anything is sent. */
export type Preview = {
  text: string;
  /** UTF-8 bytes of what goes out, and the channel's limit. */
  bytes: number;
  limit: number;
  /**
   * Where the message has no room for the body by its nature and brings a summary with a link to the text: that summary's
   * characters. No fault. Absent: the whole body goes out, but for what `faults` name.
   */
  summaryCharacters?: number;
  /** What is cut away to fit, or would be refused: pointers into the content (`/title`, `/body`), codes as `CHANNEL_TITLE_LONG`. */
  faults: InputError[];
};

/** What an operator enters to set a channel up; `secret` is never shown again. */
export type SettingSpec = {
  name: string;
  secret: boolean;
  required: boolean;
  label: Text;
  /** Whether a value has the form that is needed. */
  check?: { test(value: string): boolean };
  /** The only values that it may have; the first one counts while none is chosen. */
  choices?: readonly SettingChoice[];
  /** The value may have several lines (a key in PEM, a greeting). */
  lines?: true;
};
export type SettingChoice = { value: string; label: Text };
/** The operator's values by name. */
export type Settings = Readonly<Record<string, string>>;

export type Channel<Rendered = unknown> = {
  name: ChannelName;
  guarantee: Guarantee;
  limits: Limits;
  queue: QueueName;
  /** Where its routine work goes that may hang: chunks of endpoints that keep failing, and further attempts. Absent: the same queue. */
  lateQueue?: QueueName;
  /** Seconds before each further attempt, before jitter of ±20 %; when they are used up the delivery has failed. */
  retrySeconds: readonly number[];
  /** Whether a delivery of unknown outcome is tried again by itself. */
  retriesUnknown: boolean;
  /**
   * Checks and normalises an address (pointer `/endpoint/address`); the same place always gives the same text.
   * `textOnly`: without asking anybody about it, for thousands at once. `settings`: as they are about to be, instead of as they are.
   * `lookup`: to find what is there already, which a channel that is not set up any more may have.
   */
  address(
    address: string,
    options?: { textOnly?: boolean; settings?: Settings; lookup?: boolean },
  ): Promise<{ address: string } | { errors: InputError[] }>;
  /** What must be set up before anybody can subscribe here; absent: nothing. */
  settings?: readonly SettingSpec[];
  /** Whether these settings are enough to push with, where that is more than every `required` one. */
  isSetUp?(settings: Settings): boolean;
  /** Quotas that hang on how the operator's account is set up, or hold for some addresses only, beside those of `limits`. */
  quotas?(settings: Settings, address?: string): readonly Quota[];
  /** The credential (account, robot, member) that a push to this address counts against; absent: each origin has no common limit. */
  credential?(address: string): string;
  /**
   * The account that several credentials belong to, for a channel whose `credential` is finer (a member of an app): quotas
   * `of: "account"` and the vendor's pauses hold for all of them together. Absent: there is no such thing.
   */
  account?(address: string): string;
  /** The address as others may see it, where it holds a key; absent: as it is. */
  shown?(address: string): string;
  /**
   * Checks and normalises the secret that somebody names for an address (pointer `/endpoint/secret`); absent: Standard Webhooks secrets,
   * made when none is named. With it: a new secret replaces the old one, and a new address comes without the old one's.
   */
  secret?(text: string | undefined): { secrets: string[] } | { errors: InputError[] };
  /**
   * What follows on `accepted`, as the operator has set the channel up. `always`: a receipt, whatever came of it; without one it
   * was not reached. `failures`: a word when it did not arrive; silence is good. Undefined: accepted is the last word.
   */
  receipts?(settings: Settings): "always" | "failures" | undefined;
  /** What an endpoint wants is agreed on with itself alone (WebSub): nobody changes it here, but anybody in charge may end it. */
  fixedWishes?: true;
  /**
   * Asks the provider what became of a message whose receipt does not come. Called minutes after the push and then ever more
   * seldom for a day, until there is an end; may be called twice, changes nothing at the provider. Absent: nobody can be asked.
   */
  ask?(receipt: string): Promise<Word>;
  /** Whether the provider can be asked about this receipt; absent: about each. */
  canAsk?(receipt: string): boolean;
  confirms: ConfirmWay;
  /** Asks the endpoint itself. `confirmed`: it agreed at once; `sent`: a code is on its way; `refused`: it did not agree. */
  confirm(target: Target, challenge: string, requestedBy: string): Promise<ConfirmOutcome>;
  /** Asks the endpoint whether it really wants no more, where that has to be confirmed as well (WebSub). */
  leave?(target: Target, challenge: string): Promise<ConfirmOutcome>;
  /** Tells the endpoint that its subscription was ended here (WebSub); absent: nobody is told. */
  deny?(target: Target): Promise<void>;
  /** Once per revision and language: what does not depend on the endpoint. */
  render(revision: Revision, language: Language, links: Links): Rendered;
  /** The same for a digest. Goes out through `push` like any other. */
  renderDigest(digest: Digest, language: Language, links: Links): Rendered;
  /** A promise where what renders is loaded only when it is needed. */
  preview(revision: Revision, language: Language, links: Links): Preview | Promise<Preview>;
  push(rendered: Rendered, push: Push): Promise<Outcome>;
  /**
   * Ends the pushes that have waited for so many milliseconds, as if their time were up: too many hang, and others need their place.
   * May be called at any time and often. Absent: each push has its full time.
   */
  giveUp?(afterMs: number): void;
  /** Ends connections; called once at the stop of a process. */
  close(): Promise<void>;
};

/** Absolute addresses of what a rendering links to. */
export type Links = {
  announcement: (id: string) => string;
  /** The page where people confirm a subscription; the challenge is the secret of `confirms: "link"`. */
  confirm: (subscriptionId: string, challenge: string) => string;
  source: string;
};
