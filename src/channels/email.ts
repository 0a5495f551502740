import type { Revision } from "#src/domain/announcements/announcement.ts";
import type {
  Channel,
  ConfirmOutcome,
  Digest,
  Links,
  Outcome,
  Pause,
  Preview,
  Push,
  Target,
} from "#src/domain/deliveries/channel.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import { leaveSubject, leaveToken, mailName, manageToken } from "#src/domain/deliveries/endpoint-link.ts";
import { settingsInUse } from "#src/domain/deliveries/settings-in-use.ts";
import type { Log } from "#src/log.ts";
import type { Language } from "#src/text.ts";
import { mailAddress, maskedAddress } from "./email-address.ts";
import type { Ways } from "./email-letter.ts";
import { MAIL_SETTINGS, type Mailing, mailingOf, type Sender } from "./email-settings.ts";
import type { MailText } from "./email-text.ts";
import { noSecret } from "./no-secret.ts";
import { openSes, type SendBySes } from "./ses.ts";
import { CONNECTIONS, type Letter, openSmtp, type Post, type SmtpSeconds } from "./smtp.ts";

export type EmailDeps = {
  baseUrl: string;
  settings: SettingsReader;
  now: () => Date;
  log: Log;
  /** The instance's own key: it makes the links in mails, so that nothing has to be read for one. */
  secret: () => Promise<Uint8Array>;
  ses?: SendBySes;
  /** Shorter in tests; otherwise as the limits say. */
  seconds?: SmtpSeconds;
};

/** What to write, once for all receivers; written when the first of them is due, since what renders it is loaded late. */
export type RenderedMail = () => Promise<MailText>;

/** Of a whole mail. Programs hide the end of an HTML part over 102 KB, and with it the way to leave. */
const BYTES = 200_000;
const SECONDS = { connect: 5, answer: 20, total: 25 };
const MINUTE = 60;
const HOUR = 3600;

/**
 * Mail over SMTP or Amazon SES. At least once: where a server took the bytes and never answered, the mail is sent again under the
 * same Message-ID, as every mail server does (RFC 5321 4.5.3.2.6, RFC 1047), so that receivers can know the repeat.
 */
export function makeEmail(deps: EmailDeps): Channel<RenderedMail> {
  const { now } = deps;
  const seconds = deps.seconds ?? SECONDS;
  const host = new URL(deps.baseUrl).hostname;
  let open: { key: string; post: Promise<Post> } | undefined;
  let secret: Promise<Uint8Array> | undefined;

  async function mailing(): Promise<Mailing | undefined> {
    return settingsInUse(deps.settings, "email", mailingOf);
  }

  /** The one way out, opened again when the settings have changed; who is sending by the old one ends first. */
  function postOf({ by }: Mailing): Promise<Post> {
    const key = JSON.stringify(by);
    if (open?.key === key) return open.post;
    void open?.post.then((old) => old.close());
    const post =
      "ses" in by
        ? deps.ses
          ? Promise.resolve(openSes(deps.ses, by.ses, seconds))
          : Promise.reject(new Error("this host cannot send by SES"))
        : openSmtp(by.smtp, seconds);
    open = { key, post };
    post.catch(() => {
      if (open?.post === post) open = undefined;
    });
    return post;
  }

  function instanceSecret(): Promise<Uint8Array> {
    secret ??= deps.secret().catch((error) => {
      secret = undefined;
      throw error;
    });
    return secret;
  }

  async function send(target: Target, delivery: string, text: MailText, withWays: boolean): Promise<Outcome> {
    const found = await mailing();
    if (!found) return notSetUp("mail is not set up");
    const letter = await written(found.sender, { target, delivery, text, withWays });
    if (!Buffer.isBuffer(letter.bytes)) return notSetUp(letter.bytes);
    return (await postOf(found)).send(letter as Letter);
  }

  async function written(
    sender: Sender,
    { target, delivery, text, withWays }: { target: Target; delivery: string; text: MailText; withWays: boolean },
  ): Promise<Omit<Letter, "bytes"> & { bytes: Buffer | string }> {
    const [{ writeLetter, DKIM_FAILED }, key] = await Promise.all([import("./email-letter.ts"), instanceSecret()]);
    const { endpoint, address: to } = target;
    const domain = sender.from.slice(sender.from.lastIndexOf("@") + 1);
    const id = `${mailName(key, delivery, endpoint)}@${domain}`;
    const ways = withWays ? waysOf(key, target, text, sender.leave) : undefined;
    const bytes = await writeLetter(text, target, {
      ...{ sender, to, id, host, date: now() },
      ...(text.thread ? { thread: `${text.thread}.${endpoint}@${domain}` } : {}),
      ...(ways ? { ways } : {}),
    }).catch((error: Error) => {
      if (error.message === DKIM_FAILED) return DKIM_FAILED;
      throw error;
    });
    return { from: sender.envelope, to, id, bytes };
  }

  function waysOf(key: Uint8Array, { endpoint, language }: Target, text: MailText, box: string | undefined): Ways {
    const lang = language === "en" ? { lang: "en" } : {};
    const column = text.list?.column ? { c: text.list.column } : {};
    const token = leaveToken(key, endpoint);
    const leave = new URLSearchParams({ t: token, ...column, ...lang });
    const manage = new URLSearchParams({ m: manageToken(key, endpoint, now()), ...lang });
    return {
      leave: `${deps.baseUrl}/unsubscribe?${leave}`,
      manage: `${deps.baseUrl}/manage?${manage}`,
      ...(box ? { leaveByMail: leaveByMail(box, token) } : {}),
    };
  }

  async function push(rendered: RenderedMail, { deliveryId, target }: Push): Promise<Outcome> {
    const text = await rendered();
    return send(target, deliveryId, text, text.list !== undefined);
  }

  async function confirm(target: Target, challenge: string, requestedBy: string): Promise<ConfirmOutcome> {
    const { confirmationText } = await import("./email-text.ts");
    const lang = target.language === "en" ? { lang: "en" } : {};
    const url = `${deps.baseUrl}/confirm?${new URLSearchParams({ s: requestedBy, c: challenge, ...lang })}`;
    const text = confirmationText(url, target.language);
    const outcome = await send(target, `confirm.${requestedBy}.${now().getTime().toString(36)}`, text, false);
    if (outcome.kind === "accepted" || outcome.kind === "unknown") return "sent";
    const { status } = outcome as { status?: number };
    deps.log.warn("confirmation-not-sent", {
      channel: "email",
      subscription: requestedBy,
      outcome: outcome.kind,
      status,
    });
    // Nobody is there, or this is never taken: asking again would be the same.
    if (outcome.kind !== "retry") return "sent";
    return outcome.pause ? { paused: outcome.pause } : "refused";
  }

  async function preview(revision: Revision, language: Language, links: Links): Promise<Preview> {
    const text = await mailOf(revision, language, links)();
    const bytes = await sampleBytes(text);
    const faults = text.isCut ? [{ pointer: "/body", ...BODY_LONG }] : [];
    return { text: `${text.subject}\n\n${text.text}`, bytes, limit: BYTES, faults };
  }

  return {
    name: "email",
    guarantee: "at-least-once",
    limits: {
      inFlight: CONNECTIONS,
      inFlightPerOrigin: CONNECTIONS,
      bytes: BYTES,
      chunk: 100,
      seconds: SECONDS,
    },
    queue: "deliver-email",
    // A greylisting server takes the second or third; one that is down for a night, the last ones.
    retrySeconds: [2 * MINUTE, 6 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR],
    retriesUnknown: true,
    confirms: "link",
    settings: MAIL_SETTINGS,
    quotas: ({ dailyLimit }) => (dailyLimit ? [{ per: "day", of: "credential", count: Number(dailyLimit) }] : []),
    credential: () => "account",
    // Bounces come back where a door is open for them; that a mail arrived is told by Amazon SES at most.
    receipts: ({ noticeKey }) => (noticeKey ? "failures" : undefined),
    shown: maskedAddress,
    secret: noSecret,
    isSetUp: (settings) => mailingOf(settings) !== undefined,
    async address(text, options) {
      const checked = mailAddress(text);
      if ("errors" in checked || options?.lookup) return checked;
      if (options?.settings ? mailingOf(options.settings) : await mailing()) return checked;
      return { errors: [{ pointer: "/endpoint/channel", ...NOT_SET_UP }] };
    },
    confirm,
    render: mailOf,
    renderDigest: (digest, language, links) => once(() => digestOf(digest, language, links)),
    preview,
    push,
    async close() {
      const post = await open?.post.catch(() => undefined);
      post?.close();
    },
  };
}

function leaveByMail(box: string, token: string): string {
  const at = box.lastIndexOf("@");
  const to = `${encodeURIComponent(box.slice(0, at))}@${box.slice(at + 1)}`;
  return `mailto:${to}?subject=${encodeURIComponent(leaveSubject(token))}`;
}

const BODY_LONG = {
  code: "CHANNEL_BODY_LONG",
  detail: {
    zh: "正文过长，邮件中只发前一部分，并附全文链接",
    en: "the body is too long for a mail: the first part goes out, with a link to the rest",
  },
};
const NOT_SET_UP = {
  code: "CHANNEL_NOT_SET_UP",
  detail: { zh: "该渠道尚未开通", en: "this channel is not set up here" },
};
const CONFIGURATION: Pause = { seconds: 300, because: "configuration" };

function notSetUp(detail: string): Outcome {
  return { kind: "retry", detail, pause: CONFIGURATION };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

function mailOf(revision: Revision, language: Language, links: Links): RenderedMail {
  return once(() => fitted(revision, language, links));
}

/** As much of the body as a mail under the limit holds. */
async function fitted(revision: Revision, language: Language, links: Links): Promise<MailText> {
  const { mailText } = await import("./email-text.ts");
  let characters = Number.POSITIVE_INFINITY;
  for (;;) {
    const text = mailText(revision, language, links, characters);
    const bytes = await sampleBytes(text);
    if (bytes <= BYTES || characters < 500) return text;
    const length = Math.min(characters, revision.content.body.length);
    characters = Math.floor(length * Math.min(0.9, (BYTES / bytes) * 0.95));
  }
}

const MOST_ITEMS = 100;

async function digestOf(digest: Digest, language: Language, links: Links): Promise<MailText> {
  const { digestText } = await import("./email-text.ts");
  for (let items = MOST_ITEMS; ; items = Math.floor(items / 2)) {
    const text = digestText(digest, language, links, items);
    if (items <= 1 || (await sampleBytes(text)) <= BYTES) return text;
  }
}

const ROOM = "x".repeat(60);

/** The size of a text as a whole mail to somebody with a long address and many topics, signed. */
async function sampleBytes(text: MailText): Promise<number> {
  const { writeLetter } = await import("./email-letter.ts");
  const matched = Array.from({ length: 6 }, (_, i) => `tag:${ROOM}${i}`);
  const link = `https://${ROOM}.example/${ROOM}${ROOM}`;
  const bytes = await writeLetter(
    text,
    { matched },
    {
      sender: { from: `${ROOM}@${ROOM}.example`, envelope: "" },
      to: `${ROOM}@${ROOM}.example`,
      id: `${ROOM}${ROOM}@${ROOM}.example`,
      host: `${ROOM}.example`,
      date: new Date(0),
      ...(text.list ? { ways: { leave: link, manage: link } } : {}),
    },
  );
  return bytes.length + 1000;
}
