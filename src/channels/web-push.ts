import { hash } from "node:crypto";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Channel, ConfirmOutcome, Digest, Links, Outcome, Pause, Target } from "#src/domain/deliveries/channel.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import { originOf } from "#src/domain/deliveries/origin-of.ts";
import { PUSH_KEY_SETTING, type PushKey, pushKeyOf } from "#src/domain/deliveries/push-key.ts";
import type { InputError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import type { Egress } from "./egress.ts";
import { type Answer, makeOutgoing, type OutgoingSeconds, whyUnreachable } from "./outgoing.ts";
import { retryAfterSeconds } from "./retry-after.ts";
import { announcements, cut, cutBytes, inBrief, MARKS, oneLine, summaryOf } from "./summary.ts";
import { makeVapid } from "./vapid.ts";
import { BODY_BYTES, bodyLength, encrypt, PLAIN_BYTES, readReceiver, receiverReader } from "./web-push-encryption.ts";

export type WebPushDeps = {
  egress: Egress;
  baseUrl: string;
  settings: SettingsReader;
  /** The instance's own key, made when it is first asked for. */
  pushKey: () => Promise<PushKey>;
  now: () => Date;
  log: Log;
  /** Shorter in tests; otherwise as the limits say. */
  seconds?: OutgoingSeconds;
};

/** A message without its last member, the delivery's id; `short` goes out when a push service finds it too large. */
export type RenderedPush = { json: string; short: string; subject: string; urgency: string; ttl: number };

const SECONDS = { connect: 5, answer: 15, total: 20 };
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
/** `,"deliveryId":"<announcement>.<revision>.<endpoint>"}`, with room to spare. */
const TAIL_BYTES = 100;
const TEXT_BYTES = PLAIN_BYTES - TAIL_BYTES;
const URGENCY = { urgent: "high", important: "normal", routine: "low" } as const;

/**
 * Notifications of browsers (RFC 8030, 8188, 8291, 8292). The address is the endpoint of a push subscription, its secret
 * `p256dh.auth`. At least once, and a repeat does no harm: a push service keeps one waiting message per `Topic`, a browser
 * shows one notification per tag, and both are made of the announcement. So an attempt without an answer is made again.
 * A push service only takes a message over (`accepted`): whether a device ever shows it, nobody tells.
 */
export function makeWebPush(deps: WebPushDeps): Channel<RenderedPush> {
  const outgoing = makeOutgoing(deps.egress, deps.seconds ?? SECONDS);
  const receiverOf = receiverReader();
  const vapid = makeVapid(deps.now);
  let own: PushKey | undefined;

  /** Undefined when an operator entered as the private key what looks like one and is none. */
  async function identity(): Promise<{ key: PushKey; subject: string } | undefined> {
    const settings = (await deps.settings("web-push"))?.settings;
    const entered = settings?.[PUSH_KEY_SETTING];
    if (entered === undefined) own ??= await deps.pushKey();
    else if (own?.privateKey !== entered) own = usable(entered);
    return own && { key: own, subject: settings?.["subject"] || deps.baseUrl };
  }

  /** The push service's answer, or what kept the message from being sent. */
  async function send(
    target: Target,
    text: string,
    more: { urgency: string; ttl: number; topic: string; signal?: AbortSignal | undefined },
  ): Promise<Answer | Outcome> {
    const receiver = receiverOf(target.secrets[0] ?? "");
    if (!receiver) return { kind: "rejected", detail: "the endpoint's keys cannot be used" };
    const us = await identity();
    if (!us) return { kind: "retry", detail: "our private key cannot be used", pause: NO_KEY };
    const { key, subject } = us;
    const body = encrypt(receiver, Buffer.from(text));
    const headers = [
      ...["content-type", "application/octet-stream", "content-encoding", "aes128gcm"],
      ...["ttl", String(more.ttl), "urgency", more.urgency, "topic", more.topic],
      ...["authorization", vapid(originOf(target.address), key, subject)],
    ];
    const answer = await outgoing.send({
      method: "POST",
      url: target.address,
      headers,
      body,
      reads: false,
      signal: more.signal,
    });
    if (answer.kind === "unreachable" && answer.refused)
      deps.log.warn("egress-refused", { channel: "web-push", endpoint: target.endpoint });
    return answer;
  }

  async function confirm(target: Target, challenge: string, requestedBy: string): Promise<ConfirmOutcome> {
    const message = { type: "confirm", subscriptionId: requestedBy, challenge, ...confirmation(target.language) };
    const topic = topicOf(target, `confirm ${requestedBy}`);
    const answer = await send(target, JSON.stringify(message), { urgency: "high", ttl: DAY, topic });
    return outcomeOf(answer, deps.now).kind === "accepted" ? "sent" : "refused";
  }

  return {
    name: "web-push",
    guarantee: "at-least-once",
    limits: { inFlight: 256, inFlightPerOrigin: 256, bytes: BODY_BYTES, chunk: 100, seconds: SECONDS },
    queue: "deliver-web-push",
    retrySeconds: [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
    retriesUnknown: true,
    settings: [
      {
        name: "subject",
        secret: false,
        required: false,
        label: {
          zh: "推送服务商的联系方式：mailto: 或 https: 地址，默认为本站网址",
          en: "whom push services may write to: a mailto: or https: address; this site's own by default",
        },
        check: /^(?:mailto:[^\s@"\\]+@[^\s@"\\]+|https:\/\/[^\s"\\]+)$/,
      },
      {
        name: PUSH_KEY_SETTING,
        secret: true,
        required: false,
        label: {
          zh: "推送私钥（P-256，base64url），首次使用时自动生成；更换后所有浏览器须重新开启",
          en: "the private key (P-256, base64url), made on first use; with another one every browser has to turn it on again",
        },
        check: /^[\w-]{43}$/,
      },
    ],
    confirms: "echo",
    // The path is a capability: who knows it can address this one browser.
    // No `receipts`: RFC 8030's receipts are offered by no push service of a browser.
    shown: (address) => `${originOf(address)}/…${address.slice(-6)}`,
    async address(address, options) {
      const checked = await deps.egress.check(address, options);
      if ("url" in checked) return { address: checked.url.href };
      return { errors: [{ pointer: "/endpoint/address", ...checked.fault }] };
    },
    secret: (text) => (text !== undefined && readReceiver(text) ? { secrets: [text] } : { errors: [NOT_KEYS] }),
    confirm,
    render: (revision, language, links) => render(revision, language, links.announcement(revision.announcementId)),
    renderDigest: (digest, language, links) => renderDigest(digest, language, links),
    preview(revision, language, links) {
      const words = wordsOf(revision, language, links.announcement(revision.announcementId));
      const { title, body, faults } = words;
      const { json } = render(revision, language, links.announcement(revision.announcementId));
      const bytes = bodyLength(Buffer.byteLength(json) + TAIL_BYTES);
      const brief = inBrief(revision, body.slice(words.unitLength));
      return { text: `${title}\n${body}`, bytes, limit: BODY_BYTES, ...brief, faults };
    },
    async push({ json, short, subject, urgency, ttl }, { deliveryId, target, signal }): Promise<Outcome> {
      const tail = `,"deliveryId":${JSON.stringify(deliveryId)}}`;
      const more = { urgency, ttl, topic: topicOf(target, subject), signal };
      let answer = await send(target, json + tail, more);
      // Every push service has to take 4,096 bytes; one that does not still gets the title and the way to the rest.
      if (answer.kind === "answer" && answer.status === 413) answer = await send(target, short + tail, more);
      return outcomeOf(answer, deps.now);
    },
    giveUp: (afterMs) => outgoing.giveUp(afterMs),
    close: () => outgoing.close(),
  };
}

const NO_KEY: Pause = { seconds: 600, because: "configuration" };

function usable(privateKey: string): PushKey | undefined {
  try {
    return pushKeyOf(privateKey);
  } catch {
    return undefined;
  }
}

const NOT_KEYS: InputError = {
  pointer: "/endpoint/secret",
  code: "PUSH_KEYS",
  detail: {
    zh: "须给出浏览器订阅的密钥：p256dh.auth，两段均为 base64url（65 与 16 字节）",
    en: "the keys of the browser's subscription are needed: p256dh.auth, both base64url (65 and 16 bytes)",
  },
};

/**
 * What a push service's answer means (RFC 8030 5 to 8). 404 and 410: the subscription is over. 429 and 5xx: later. 401 and
 * 403 may be our clock or key, or one browser that subscribed to another key: tried again, and nobody else is kept waiting
 * for it. Every other refusal is for good. A 200 with a page inside is some portal's answer, not a push service's.
 */
export function outcomeOf(answer: Answer | Outcome, now: () => Date): Outcome {
  if (answer.kind !== "answer" && answer.kind !== "unreachable" && answer.kind !== "silent") return answer;
  if (answer.kind === "unreachable") return { kind: "retry", detail: whyUnreachable(answer) };
  if (answer.kind === "silent")
    return { kind: "unknown", detail: answer.detail === "time-out" ? "no answer in time" : "connection broken" };
  const { status, headers } = answer;
  if (status === 200 && String(headers["content-type"] ?? "").includes("html"))
    return { kind: "retry", status, detail: "a page instead of a push service's answer" };
  if ([200, 201, 202, 204].includes(status)) return { kind: "accepted", status };
  if (status === 404 || status === 410) return { kind: "gone", status, detail: String(status) };
  if (status >= 300 && status < 400) return { kind: "retry", status, detail: "redirect, never followed" };
  if (status === 401 || status === 403) return { kind: "retry", status, detail: `${status}: our key was not accepted` };
  if (status === 413) return { kind: "rejected", status, detail: "too large for this push service" };
  if (status < 500 && status !== 408 && status !== 425 && status !== 429)
    return { kind: "rejected", status, detail: String(status) };
  const named = retryAfterSeconds(headers["retry-after"], now());
  return {
    kind: "retry",
    status,
    detail: String(status),
    ...(named === undefined ? {} : { retryAfterSeconds: named }),
  };
}

/**
 * 32 characters of base64url, the same for every text on one subject: the newer one replaces what still waits. Made with
 * the receiver's own secret, so that a push service cannot tell by it who follows the same announcement.
 */
function topicOf({ secrets }: Target, subject: string): string {
  return hash("sha256", `${secrets[0]}\n${subject}`, "base64url").slice(0, 32);
}

/** `unitLength`: what stands before the summary in `body`. */
type Words = { title: string; body: string; unitLength: number; faults: InputError[] };

function wordsOf(revision: Revision, language: Language, url: string): Words {
  const { content, reason, unitName } = revision;
  const title = MARKS[revision.kind][language] + oneLine(content.title);
  const summary = oneLine(reason || summaryOf(content, 200));
  const unit = `${oneLine(unitName)}${summary === "" ? "" : language === "en" ? ": " : "："}`;
  const unitLength = unit.length;
  const body = unit + cut(summary, 200);
  const room = TEXT_BYTES - Buffer.byteLength(JSON.stringify(envelope(revision, url, title, "")));
  const size = Buffer.byteLength(JSON.stringify(body));
  if (size <= room) return { title, body, unitLength, faults: [] };
  // An escaped character has more bytes in JSON than in the text, so cutting by the text's bytes cuts enough.
  const kept = cutBytes(body, Math.max(3, Buffer.byteLength(body) - (size - room)));
  return { title, body: kept, unitLength, faults: [TOO_LONG] };
}

const TOO_LONG: InputError = {
  pointer: "/summary",
  code: "CHANNEL_SUMMARY_LONG",
  detail: { zh: "摘要过长，通知中只显示开头", en: "the summary is too long; a notification shows its beginning" },
};

function envelope(revision: Revision, url: string, title: string, body: string) {
  const { announcementId, revision: number, kind, content, unitName, columnName } = revision;
  return {
    type: "announcement",
    id: announcementId,
    revision: number,
    kind,
    title,
    body,
    url,
    unit: content.unitId,
    unitName: oneLine(unitName),
    column: columnName,
    urgency: content.urgency,
    lang: content.language,
  };
}

function render(revision: Revision, language: Language, url: string): RenderedPush {
  const { title, body } = wordsOf(revision, language, url);
  return {
    json: open(envelope(revision, url, title, body)),
    short: open(envelope(revision, url, cut(title, 60), "")),
    subject: revision.announcementId,
    urgency: URGENCY[revision.content.urgency],
    ttl: 7 * DAY,
  };
}

const SHOWN_ITEMS = 5;

/** One notification for all of them: the newest titles, and the way to the list. */
function renderDigest({ frequency, at, revisions }: Digest, language: Language, links: Links): RenderedPush {
  const en = language === "en";
  const count = revisions.length;
  const product = say(PRODUCT, language);
  const title = en
    ? `${product}: ${announcements(count)}, ${frequency}`
    : `${product}：${frequency === "daily" ? "每日" : "每周"}汇总，共${count}条`;
  const lines = revisions.slice(0, SHOWN_ITEMS).map((one) => {
    return `· ${MARKS[one.kind][language]}${cut(oneLine(one.content.title), 60)}（${oneLine(one.unitName)}）`;
  });
  const rest = count - lines.length;
  if (rest > 0) lines.push(en ? `and ${rest} more` : `另有${rest}条`);
  const whole = (body: string) => ({
    ...{ type: "digest", id: `digest-${frequency}`, revision: 1, kind: "published", title, body },
    ...{ url: `${links.source}/announcements`, frequency, at, lang: language },
  });
  return {
    json: open(whole(cutBytes(lines.join("\n"), 1700))),
    short: open(whole("")),
    subject: `digest ${frequency} ${at}`,
    urgency: "low",
    ttl: frequency === "daily" ? 2 * DAY : 7 * DAY,
  };
}

/** JSON that one more member can be put behind. */
function open(message: object): string {
  return JSON.stringify(message).slice(0, -1);
}

function confirmation(language: Language): { title: string; body: string; failed: string; lang: Language } {
  const product = say(PRODUCT, language);
  return language === "en"
    ? {
        title: `${product}: notifications are on`,
        body: "Announcements will be shown here.",
        failed: "This could not be confirmed. Please turn notifications on again.",
        lang: language,
      }
    : {
        title: `${product}：浏览器通知已开启`,
        body: "新的公告将显示在这里。",
        failed: "未能确认，请重新开启浏览器通知。",
        lang: language,
      };
}
