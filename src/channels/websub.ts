import { createHmac } from "node:crypto";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Entry, FeedHead } from "#src/domain/announcements/feed-formats.ts";
import type { Channel, ConfirmOutcome, Links, Outcome, Preview, Push, Target } from "#src/domain/deliveries/channel.ts";
import { newestLease } from "#src/domain/deliveries/lease.ts";
import type { InputError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { PRODUCT } from "#src/text.ts";
import type { Egress } from "./egress.ts";
import { type Answer, makeOutgoing, type OutgoingSeconds } from "./outgoing.ts";
import { summaryOf } from "./summary.ts";
import { outcomeOf } from "./webhook.ts";

export type WebsubDeps = {
  egress: Egress;
  /** See `makeOutgoing`. */
  mostIdle?: number;
  baseUrl: string;
  now: () => Date;
  log: Log;
  /** Shorter in tests; otherwise as the limits say. */
  seconds?: OutgoingSeconds;
};

type Document = { contentType: string; body: Buffer; link: string };

type Written = Pick<Document, "contentType" | "body"> & { isCut: boolean };

/** What is new, and the feed documents with it, written when the first follower of each feed is met. */
export type RenderedFeed = { revisions: Revision[]; documents: Map<string, Promise<Document>> };

const BYTES = 2_000_000;
const SECONDS = { connect: 5, answer: 15, total: 20 };
const MINUTE = 60;
const HOUR = 3600;

/**
 * The hub's side of W3C WebSub: new and changed announcements as documents of the very feed that somebody follows. The address
 * is `<callback> <path of the feed>`, its secret the lease. At least once; a reader knows an entry by its id and its time.
 */
export function makeWebsub(deps: WebsubDeps): Channel<RenderedFeed> {
  const outgoing = makeOutgoing(deps.egress, deps.seconds ?? SECONDS, deps.mostIdle);

  function log(answer: Answer, { endpoint }: Target): void {
    if (answer.kind === "unreachable" && answer.refused)
      deps.log.warn("egress-refused", { channel: "websub", endpoint });
  }

  /** Verification of intent (WebSub 5.3): only a 2xx with exactly the challenge agrees. */
  async function verify(target: Target, mode: "subscribe" | "unsubscribe", challenge: string): Promise<ConfirmOutcome> {
    const left = Math.floor(((newestLease(target.secrets)?.until ?? 0) - deps.now().getTime()) / 1000);
    if (mode === "subscribe" && left <= 0) return "refused";
    const lease: Record<string, string> = mode === "subscribe" ? { "hub.lease_seconds": String(left) } : {};
    const answer = await tell(target, { "hub.mode": mode, "hub.challenge": challenge, ...lease });
    if (answer.kind !== "answer" || answer.status < 200 || answer.status > 299) return "refused";
    return answer.whole && answer.body === challenge ? "confirmed" : "refused";
  }

  async function tell(target: Target, words: Record<string, string>): Promise<Answer> {
    const { callback, path } = parts(target.address);
    const query = new URLSearchParams({ ...words, "hub.topic": deps.baseUrl + path });
    const url = `${callback}${callback.includes("?") ? "&" : "?"}${query}`;
    const answer = await outgoing.send({ method: "GET", url, headers: AGENT, reads: true });
    log(answer, target);
    return answer;
  }

  async function push(rendered: RenderedFeed, { target, signal }: Push): Promise<Outcome> {
    const { callback, path } = parts(target.address);
    const lease = newestLease(target.secrets);
    if (!lease || lease.until <= deps.now().getTime()) return { kind: "rejected", detail: "the lease is over" };
    let document = rendered.documents.get(path);
    if (!document) {
      document = write(rendered.revisions, path, deps.baseUrl);
      rendered.documents.set(path, document);
    }
    const { contentType, link, body } = await document;
    const headers = [...AGENT, "content-type", contentType, "link", link];
    if (lease.secret !== "")
      headers.push("x-hub-signature", `sha256=${createHmac("sha256", lease.secret).update(body).digest("hex")}`);
    const answer = await outgoing.send({ method: "POST", url: callback, headers, body, reads: false, signal });
    log(answer, target);
    return outcomeOf(answer, deps.now);
  }

  return {
    name: "websub",
    guarantee: "at-least-once",
    limits: { inFlight: 128, inFlightPerOrigin: 128, bytes: BYTES, chunk: 100, seconds: SECONDS },
    queue: "deliver-websub",
    retrySeconds: [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
    retriesUnknown: true,
    confirms: "echo",
    // Subscribers are told to make a callback that nobody can guess (WebSub 8.2).
    shown(address) {
      const { callback, path } = parts(address);
      return `${new URL(callback).origin}/… ${path}`;
    },
    async address(address, options) {
      const { callback, path } = parts(address);
      if (!FEED.test(path)) return { errors: [NOT_A_FEED] };
      const checked = await deps.egress.check(callback, options);
      if ("url" in checked) return { address: `${checked.url.href} ${path}` };
      return { errors: [{ pointer: "/endpoint/address", ...checked.fault }] };
    },
    fixedWishes: true,
    // A lease is agreed on at the hub alone.
    secret: () => ({ errors: [AT_THE_HUB] }),
    confirm: (target, challenge) => verify(target, "subscribe", challenge),
    leave: (target, challenge) => verify(target, "unsubscribe", challenge),
    async deny(target) {
      await tell(target, { "hub.mode": "denied", "hub.reason": "ended by the publisher" });
    },
    render: (revision) => ({ revisions: [revision], documents: new Map() }),
    renderDigest: ({ revisions }) => ({ revisions, documents: new Map() }),
    preview: (revision, _language, links) => preview(revision, links, deps.baseUrl),
    push,
    giveUp: (afterMs) => outgoing.giveUp(afterMs),
    close: () => outgoing.close(),
  };
}

const AGENT = ["user-agent", "Gaoshi-WebSub/1"];
const FEED = /^\/(?:(columns|units)\/[\w-]{1,64}\/)?(feed\.(?:atom|rss|json))$/;

const NOT_A_FEED: InputError = {
  pointer: "/endpoint/address",
  code: "FEED_UNKNOWN",
  detail: { zh: "应为“回调网址 订阅源路径”", en: "must be a callback, a space and the path of a feed" },
};

const AT_THE_HUB: InputError = {
  pointer: "/endpoint/channel",
  code: "AT_THE_HUB",
  detail: { zh: "WebSub 请向 /websub 申请", en: "a WebSub subscription is asked for at /websub" },
};

const BODY_LONG: InputError = {
  pointer: "/body",
  code: "CHANNEL_BODY_LONG",
  detail: {
    zh: "正文过长，推送给订阅源阅读器时不带正文，只有标题、摘要和链接",
    en: "the body is too long for a pushed feed: the title, the summary and the link go out without it",
  },
};

function parts(address: string): { callback: string; path: string } {
  const space = address.lastIndexOf(" ");
  return { callback: address.slice(0, Math.max(0, space)), path: address.slice(space + 1) };
}

/** A document of the feed at `path` that holds what is new, as WebSub 7 allows for feeds. */
async function write(revisions: Revision[], path: string, baseUrl: string): Promise<Document> {
  // Renders Markdown, which nobody should load who pushes elsewhere.
  const { feedEntry, feedLinks } = await import("#src/domain/announcements/feed-formats.ts");
  const [, folder, file = "feed.atom"] = FEED.exec(path) ?? [];
  const title = folder === "columns" ? revisions[0]?.columnName : folder ? revisions[0]?.unitName : undefined;
  const home = folder === "columns" ? path.slice(0, path.lastIndexOf("/")) : "/";
  const head = { path, home, ...(title === undefined ? {} : { title }), product: PRODUCT.zh, baseUrl };
  const entries = revisions.map((revision) => feedEntry(revision, baseUrl));
  const { contentType, body } = await fitting(file, head, entries);
  return { contentType, body, link: feedLinks(baseUrl, path) };
}

/** Too large: without the texts. */
async function fitting(file: string, head: FeedHead, entries: Entry[]): Promise<Written> {
  const { FEED_FORMATS, feedOf } = await import("#src/domain/announcements/feed-formats.ts");
  const format = FEED_FORMATS[file];
  if (!format) throw new Error("no such feed");
  const { contentType } = format;
  const whole = Buffer.from(format.write(feedOf(head, entries)));
  if (whole.length <= BYTES) return { contentType, body: whole, isCut: false };
  const named = entries.map((entry) => ({ ...entry, content: "" }));
  return { contentType, body: Buffer.from(format.write(feedOf(head, named))), isCut: true };
}

/** Followers chose their formats: the largest of them counts. */
async function preview(revision: Revision, links: Links, baseUrl: string): Promise<Preview> {
  const { FEED_FORMATS, feedEntry } = await import("#src/domain/announcements/feed-formats.ts");
  const { announcementId, content, unitName } = revision;
  const text = `${content.title}\n${unitName}\n${summaryOf(content, 500)}\n${links.announcement(announcementId)}`;
  const entry = feedEntry(revision, baseUrl);
  const written = await Promise.all(
    Object.keys(FEED_FORMATS).map((file) =>
      fitting(file, { path: `/${file}`, home: "/", product: PRODUCT.zh, baseUrl }, [entry]),
    ),
  );
  const faults = written.some(({ isCut }) => isCut) ? [BODY_LONG] : [];
  return { text, bytes: Math.max(...written.map(({ body }) => body.length)), limit: BYTES, faults };
}
