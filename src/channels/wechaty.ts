import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Channel, ConfirmOutcome, Digest, Links, Outcome } from "#src/domain/deliveries/channel.ts";
import {
  type ChatMessage,
  COOL_DOWN_SECONDS,
  chatAddress,
  type Messenger,
  parseChatAddress,
  TOO_OFTEN,
} from "#src/domain/deliveries/messenger.ts";
import type { InputError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import { cutFaults } from "./cut-faults.ts";
import { noSecret } from "./no-secret.ts";
import { announcements, cut, cutBytes, inBrief, MARKS, oneLine, summaryOf } from "./summary.ts";

export type WechatyOptions = {
  /** Undefined on a host without a bot, and while the bot is not logged in. */
  messenger?: () => Messenger | undefined;
  pace?: ChatPace;
  /** How long the bot may take to hand a message over; 30 s. */
  patienceMs?: number;
};

/**
 * `seconds`: the least and the most between two messages; both 0: as fast as it goes. `slowStart`: after a fresh login or a
 * pause it begins with so many a minute, and is at its full rate after so many seconds.
 */
export type ChatPace = {
  perMinute: number;
  seconds: readonly [number, number];
  slowStart?: { perMinute: number; seconds: number };
};

/** Both forms of one message: which one goes out is known only when it does. */
export type RenderedChat = { link: ChatMessage; text: Extract<ChatMessage, { kind: "text" }> };

const BYTES = 2000;
const SECONDS = { connect: 5, answer: 30, total: 30 };
const LATE = Symbol("late");

/**
 * WeChat rooms and contacts through a wechaty bot. At most once: a personal account is no place for doubles. What was
 * sent without an id stays `unknown`. Pacing after the defaults that bots use to live longer (3 to 5 s between two
 * messages, at most 30 a minute, stop at the first "操作过于频繁", begin slowly); the engine keeps to it.
 */
export function makeWechaty(deps: { now: () => Date; log: Log } & WechatyOptions): Channel<RenderedChat> {
  const pace = deps.pace ?? { perMinute: 30, seconds: [3, 5], slowStart: { perMinute: 3, seconds: 3600 } };

  async function handOver(address: string, choose: (messenger: Messenger) => ChatMessage): Promise<Outcome> {
    const messenger = deps.messenger?.();
    if (messenger === undefined) return { kind: "retry", detail: "no bot on this host" };
    try {
      const sent = await Promise.race([
        messenger.send(address, choose(messenger)),
        late(deps.patienceMs ?? SECONDS.total * 1000),
      ]);
      if (sent === LATE) return { kind: "unknown", detail: "the bot did not answer in time" };
      return sent.id === undefined
        ? { kind: "unknown", detail: "sent, no id came back" }
        : { kind: "delivered", receipt: sent.id };
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
  }

  function refused(reason: string): Outcome {
    if (!TOO_OFTEN.test(reason)) return { kind: "retry", detail: cut(oneLine(reason), 120) };
    deps.log.warn("wechaty-cool-down", { seconds: COOL_DOWN_SECONDS });
    const pause = { seconds: COOL_DOWN_SECONDS, because: "rate" } as const;
    return { kind: "retry", detail: "account sends too often", pause };
  }

  return {
    name: "wechaty",
    guarantee: "at-most-once",
    limits: {
      inFlight: 1,
      inFlightPerOrigin: 1,
      windows: [{ seconds: 60, count: pace.perMinute }],
      spacing: pace.seconds,
      ...(pace.slowStart ? { slowStart: pace.slowStart } : {}),
      bytes: BYTES,
      chunk: 20,
      seconds: SECONDS,
    },
    queue: "deliver-wechaty",
    // A bot may be logged out over night: somebody has to come and scan.
    retrySeconds: [60, 300, 1800, 7200, 18_000, 36_000, 36_000],
    retriesUnknown: false,
    confirms: "code",
    credential: () => "account",
    secret: noSecret,
    settings: [
      {
        name: "probeMinutes",
        secret: false,
        required: false,
        label: {
          zh: "多少分钟没有发出消息就自检一次（5至1440，默认30）",
          en: "minutes without a message before the bot probes itself (5 to 1440, 30 by default)",
        },
        check: /^(?:[5-9]|[1-9]\d{1,2}|1[0-3]\d\d|14[0-3]\d|1440)$/,
      },
    ],
    async address(address) {
      const place = parseChatAddress(address);
      if (place !== undefined) return { address: chatAddress(place) };
      const detail = {
        zh: "地址应为 room:群号 或 contact:联系人号",
        en: "the address must be room:<id> or contact:<id>",
      };
      return { errors: [{ pointer: "/endpoint/address", code: "ADDRESS_MALFORMED", detail }] };
    },
    async confirm(target, challenge): Promise<ConfirmOutcome> {
      const text = confirmation(challenge, target.language);
      const outcome = await handOver(target.address, () => ({ kind: "text", text }));
      if (outcome.kind === "retry" && outcome.pause) return { paused: outcome.pause };
      return outcome.kind === "delivered" || outcome.kind === "unknown" ? "sent" : "refused";
    },
    render: (revision, language, links) => render(revision, language, links.announcement(revision.announcementId)),
    renderDigest: (digest, language, links) => renderDigest(digest, language, links),
    preview: (revision, language, links) => {
      const { text } = render(revision, language, links.announcement(revision.announcementId)).text;
      const { description, unitLength } = wordsOf(revision, language);
      const brief = inBrief(revision, description.slice(unitLength));
      return { text, bytes: Buffer.byteLength(text), limit: BYTES, ...brief, faults: lostIn(revision, language) };
    },
    push: (rendered, { target }) =>
      handOver(target.address, (messenger) => (messenger.canLink() ? rendered.link : rendered.text)),
    async close() {},
  };
}

function late(milliseconds: number): Promise<typeof LATE> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, LATE).unref());
}

/** Carries nothing that the one who asked for it wrote. */
function confirmation(code: string, language: Language): string {
  const product = say(PRODUCT, language);
  return language === "en"
    ? `${product}: somebody asked for announcements to be sent here. To agree, reply with this code here within 24 hours: ${code}\nOtherwise ignore this message; nothing will be sent.`
    : `${product}：有人申请把公告推送到这里。同意请在24小时内于此处回复确认码：${code}\n不同意请忽略，不会再收到推送。`;
}

function wordsOf(revision: Revision, language: Language) {
  const unit = shown(revision.unitName);
  const whole = MARKS[revision.kind][language] + shown(revision.content.title);
  const reason = revision.reason === undefined ? "" : shown(revision.reason);
  const summary = cut(shown(reason || summaryOf(revision.content, 160)), 160);
  const head = summary === "" ? unit : `${unit}${language === "en" ? ": " : "："}`;
  const description = cutBytes(head + summary, 512);
  return { whole, title: cut(whole, 64), description, unitLength: head.length };
}

function lostIn(revision: Revision, language: Language): InputError[] {
  const { whole, title, description } = wordsOf(revision, language);
  const words = shown(revision.reason || revision.content.summary || "");
  return cutFaults(revision, { title: title !== whole, words: !description.endsWith(words) });
}

function render(revision: Revision, language: Language, url: string): RenderedChat {
  const { title, description } = wordsOf(revision, language);
  const tail = `\n${url}`;
  const text = cutBytes(`${title}\n${description}`, BYTES - Buffer.byteLength(tail)) + tail;
  return { link: { kind: "link", title, description, url }, text: { kind: "text", text } };
}

const SHOWN_ITEMS = 10;

/** One text: a heading, then a title and its link for each; what does not fit is counted, and the site has it. */
function renderDigest({ frequency, revisions }: Digest, language: Language, links: Links): RenderedChat {
  const product = say(PRODUCT, language);
  const heading =
    language === "en"
      ? `${product}: ${announcements(revisions.length)}, ${frequency}`
      : `${product}：${frequency === "daily" ? "每日" : "每周"}汇总，共${revisions.length}条`;
  const lines = revisions
    .slice(0, SHOWN_ITEMS)
    .map(
      ({ announcementId, kind, content, unitName }, i) =>
        `${i + 1}. ${cut(MARKS[kind][language] + shown(content.title), 40)}（${shown(unitName)}）\n${links.announcement(announcementId)}`,
    );
  const rest = revisions.length - lines.length;
  if (rest > 0) lines.push(language === "en" ? `and ${rest} more: ${links.source}` : `另有${rest}条：${links.source}`);
  const text: RenderedChat["text"] = { kind: "text", text: cutBytes([heading, ...lines].join("\n"), BYTES) };
  return { link: text, text };
}

/** Some puppets make a mention of every `@`: the full-width sign looks the same and calls nobody. */
function shown(text: string): string {
  return oneLine(text).replaceAll("@", "＠");
}
