import type { Channel, ChannelName, Links, Outcome, Pause, Window } from "#src/domain/deliveries/channel.ts";
import type { Log } from "#src/log.ts";
import type { Language } from "#src/text.ts";
import { SUMMARY } from "./cut-faults.ts";
import type { Egress } from "./egress.ts";
import { type Answer, makeOutgoing, type OutgoingSeconds, whyUnreachable } from "./outgoing.ts";
import { retryAfterSeconds } from "./retry-after.ts";
import { type RobotPlace, robotAddresses } from "./robot-address.ts";
import {
  DIGEST_ITEMS,
  digestText,
  questionText,
  type RobotText,
  readable,
  revisionText,
  SUMMARY_BYTES,
  summaryIn,
} from "./robot-text.ts";
import { inBrief, oneLine } from "./summary.ts";
import { type AnswerMembers, readVendorAnswer } from "./vendor-answer.ts";

export type RobotDeps = {
  egress: Pick<Egress, "connector">;
  links: Pick<Links, "confirm">;
  now: () => Date;
  log: Log;
  /** Where the vendor is, in tests; addresses stay the vendor's. */
  origin?: string | undefined;
  /** Shorter in tests; otherwise as the limits say. */
  seconds?: OutgoingSeconds;
};

/**
 * What one of a vendor's codes means. retry: not taken, perhaps later. minute, ten-minutes: too fast; quiet until the
 * next minute or for ten of them. configuration: the robot's own guard refused us, and its owner has to act.
 */
export type Meaning = "gone" | "rejected" | "retry" | "minute" | "ten-minutes" | "configuration";

/** A message as its JSON body, and the bytes of it that the vendor counts. */
export type RobotMessage = { body: string; bytes: number };

export type RobotVendor = {
  name: Extract<ChannelName, "wecom-robot" | "dingtalk" | "feishu">;
  place: RobotPlace;
  windows: readonly Window[];
  bytes: number;
  secret: NonNullable<Channel["secret"]>;
  write(text: RobotText, language: Language): RobotMessage;
  /** The request with the robot's signature in it, where the vendor knows one. */
  sign?(request: RobotRequest, secret: string, now: Date): RobotRequest;
  members: AnswerMembers;
  /** Every other code but 0 means retry: the vendor did answer, and did not take the message. */
  meanings: Readonly<Record<number, Meaning>>;
};

export type RobotRequest = { url: string; body: string };

const SECONDS = { connect: 5, answer: 15, total: 20 };
const MINUTE = 60;
const HOUR = 3600;
const TEN_MINUTES = 600;
// A chunk reckons with the time of one request.
const OTHERS_MS = 2000;

/**
 * A group robot: one POST to an address that is its own key. No vendor drops repeats or tells afterwards what a robot
 * said, and a group that reads everything twice mutes it; so at most once. What was surely not taken is tried again on the
 * schedule (28 hours); what may have been stays `unknown`, in the ledger, until a person looks into the group and decides.
 */
export function makeRobot(deps: RobotDeps, vendor: RobotVendor): Channel<RobotMessage> {
  const outgoing = makeOutgoing(deps.egress, deps.seconds ?? SECONDS);
  const addresses = robotAddresses(vendor.place);
  const { origin } = vendor.place;

  /** Several who subscribed the same group may each have named a secret: one that the robot refuses leaves nothing in the group. */
  async function send(message: RobotMessage, to: { address: string; secrets: string[]; endpoint: string }) {
    const begunAt = deps.now().getTime();
    const [first, ...others] = to.secrets;
    let outcome = await sendWith(first, message, to);
    for (const secret of vendor.sign ? others : []) {
      if (!isGuarded(outcome) || deps.now().getTime() - begunAt > OTHERS_MS) break;
      outcome = await sendWith(secret, message, to);
    }
    if (isGuarded(outcome))
      deps.log.warn("robot-guard-refused", { channel: vendor.name, endpoint: to.endpoint, detail: outcome.detail });
    return outcome;
  }

  async function sendWith(
    secret: string | undefined,
    { body }: RobotMessage,
    to: { address: string; endpoint: string },
  ): Promise<Outcome> {
    const plain = { url: (deps.origin ?? origin) + to.address.slice(origin.length), body };
    const request = secret === undefined ? plain : (vendor.sign?.(plain, secret, deps.now()) ?? plain);
    const answer = await outgoing.send({
      method: "POST",
      url: request.url,
      // A kept connection may be closed by the vendor just as the message leaves, and then nobody knows whether it came.
      headers: ["content-type", "application/json; charset=utf-8", "connection", "close"],
      body: Buffer.from(request.body),
      reads: true,
    });
    if (answer.kind === "unreachable" && answer.refused)
      deps.log.warn("egress-refused", { channel: vendor.name, endpoint: to.endpoint });
    return outcomeOf(vendor, answer, deps.now());
  }

  /** The largest of some renderings that the vendor takes. */
  function fitting(sizes: readonly number[], language: Language, textOf: (size: number) => RobotText) {
    for (const size of sizes) {
      const text = textOf(size);
      const message = vendor.write(text, language);
      if (message.bytes <= vendor.bytes || size === sizes.at(-1)) return { size, text, message };
    }
    throw new Error("a robot has a smallest size");
  }

  const rendered: (...args: Parameters<Channel["render"]>) => ReturnType<typeof fitting> = (
    revision,
    language,
    links,
  ) => fitting(SUMMARY_BYTES, language, (size) => revisionText(revision, language, links, size));

  return {
    name: vendor.name,
    guarantee: "at-most-once",
    limits: {
      inFlight: 64,
      inFlightPerOrigin: 64,
      windows: vendor.windows,
      bytes: vendor.bytes,
      chunk: 20,
      seconds: SECONDS,
    },
    queue: `deliver-${vendor.name}`,
    retrySeconds: [10, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
    retriesUnknown: false,
    confirms: "link",
    address: async (address) => addresses.check(address),
    shown: addresses.shown,
    credential: addresses.credential,
    secret: vendor.secret,
    async confirm(target, challenge, subscriptionId) {
      const text = questionText(deps.links.confirm(subscriptionId, challenge), target.language);
      const outcome = await send(vendor.write(text, target.language), target);
      if (outcome.kind === "retry" && outcome.pause) return { paused: outcome.pause };
      return outcome.kind === "delivered" || outcome.kind === "unknown" ? "sent" : "refused";
    },
    render: (revision, language, links) => rendered(revision, language, links).message,
    renderDigest: (digest, language, links) =>
      fitting(DIGEST_ITEMS, language, (items) => digestText(digest, language, links, items)).message,
    preview(revision, language, links) {
      const { text, message, size } = rendered(revision, language, links);
      const isCut = revision.kind !== "withdrawn" && Buffer.byteLength(oneLine(revision.content.summary ?? "")) > size;
      const faults = isCut ? [{ pointer: "/summary", code: "CHANNEL_SUMMARY_LONG", detail: SUMMARY }] : [];
      const brief = inBrief(revision, summaryIn(revision, size));
      return { text: readable(text), bytes: message.bytes, limit: vendor.bytes, ...brief, faults };
    },
    push: async (message, { target }) => {
      if (message.bytes <= vendor.bytes) return send(message, target);
      return { kind: "rejected", detail: `larger than ${vendor.bytes} bytes` };
    },
    close: () => outgoing.close(),
  };
}

/**
 * - No connection: nothing left, retry. Bytes left and no answer came: unknown.
 * - 2xx without a code (a page, a piece, nothing), and 502 or 504 without a code that is the vendor's: somebody between us
 *   answered; the vendor may have the message: unknown. A code of 0 under another status contradicts itself: unknown.
 * - Any other status without a code is a refusal by its own definition (RFC 9110 15): retry, 413 rejected.
 */
function outcomeOf(vendor: RobotVendor, answer: Answer, now: Date): Outcome {
  if (answer.kind === "unreachable") return { kind: "retry", detail: whyUnreachable(answer) };
  if (answer.kind === "silent")
    return { kind: "unknown", detail: answer.detail === "time-out" ? "no answer in time" : "connection broken" };
  const said = readVendorAnswer(answer, vendor.members);
  const { status } = said;
  const { "retry-after": usual, "x-ogw-ratelimit-reset": lark } = answer.headers;
  const named = retryAfterSeconds(usual ?? lark, now);
  const between = status === 502 || status === 504;
  if (said.kind === "code" && said.code !== 0) {
    const meaning = vendor.meanings[said.code];
    if (meaning === undefined && between) return unclear(`${status} with code ${said.code}`);
    const detail = said.message === "" ? `code ${said.code}` : `code ${said.code}: ${said.message}`;
    return meant(meaning ?? (status === 429 ? "minute" : "retry"), { status, detail }, named, now);
  }
  const fine = status >= 200 && status < 300;
  if (said.kind === "code") return fine ? { kind: "delivered", status } : unclear(`${status} with code 0`);
  if (fine || between) return unclear(`${status}, ${said.what}`);
  const detail = `${status}, ${said.what}`;
  if (status === 413) return { kind: "rejected", status, detail };
  if (status === 429) return tooFast({ status, detail }, named ?? untilNextMinute(now));
  return { kind: "retry", status, detail, ...(named === undefined ? {} : { retryAfterSeconds: named }) };
}

function isGuarded(outcome: Outcome): outcome is Extract<Outcome, { kind: "retry" }> {
  return outcome.kind === "retry" && outcome.pause?.because === "configuration";
}

function unclear(detail: string): Outcome {
  return { kind: "unknown", detail };
}

/** `named`: seconds until the time that the vendor named, if it did. */
function meant(
  meaning: Meaning,
  told: { status: number; detail: string },
  named: number | undefined,
  now: Date,
): Outcome {
  switch (meaning) {
    case "gone":
    case "rejected":
      return { kind: meaning, ...told };
    case "retry":
      return { kind: meaning, ...told, ...(named === undefined ? {} : { retryAfterSeconds: named }) };
    case "minute":
      return tooFast(told, named ?? untilNextMinute(now));
    case "ten-minutes":
      return tooFast(told, TEN_MINUTES);
    case "configuration":
      return { kind: "retry", ...told, pause: { seconds: TEN_MINUTES, because: "configuration" } };
  }
}

function tooFast(told: { status: number; detail: string }, seconds: number): Outcome {
  const pause: Pause = { seconds, because: "rate" };
  return { kind: "retry", ...told, retryAfterSeconds: seconds, pause };
}

/** A second later than the minute: our clock and the vendor's need not agree. */
function untilNextMinute(now: Date): number {
  return MINUTE - now.getUTCSeconds() + 1;
}
