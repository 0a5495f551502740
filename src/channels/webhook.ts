import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Channel, ConfirmOutcome, Digest, Links, Outcome, Push, Target } from "#src/domain/deliveries/channel.ts";
import { sha256 } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import type { Egress } from "./egress.ts";
import { type Answer, makeOutgoing, type OutgoingSeconds, whyUnreachable } from "./outgoing.ts";
import { retryAfterSeconds } from "./retry-after.ts";
import { makeSign } from "./sign.ts";
import { inBrief, summaryOf } from "./summary.ts";

export type WebhookDeps = {
  egress: Egress;
  /** See `makeOutgoing`. */
  mostIdle?: number;
  baseUrl: string;
  now: () => Date;
  log: Log;
  /** Shorter in tests; otherwise as the limits say. */
  seconds?: OutgoingSeconds;
};

/** The event's bytes between the two things that differ per endpoint: its id and what it matched. */
export type RenderedEvent = { middle: Buffer };

const END = "}}";

const BYTES = 20_000;
const SECONDS = { connect: 5, answer: 15, total: 20 };
const MINUTE = 60;
const HOUR = 3600;

/**
 * Pushes CloudEvents 1.0 (structured JSON) with Standard Webhooks signatures. At least once: a receiver drops repeats
 * by `webhook-id`. Schedule and outcomes follow Standard Webhooks and the CloudEvents webhook specification 1.0.
 */
export function makeWebhook(deps: WebhookDeps): Channel<RenderedEvent> {
  const outgoing = makeOutgoing(deps.egress, deps.seconds ?? SECONDS, deps.mostIdle);
  const sign = makeSign();

  function signed(id: string, type: string, body: Buffer, secrets: string[]): string[] {
    const timestamp = Math.floor(deps.now().getTime() / 1000);
    const headers = ["content-type", type, "user-agent", "Gaoshi-Webhook/1", "webhook-id", id];
    const signature = secrets.length > 0 ? ["webhook-signature", sign(id, timestamp, body, secrets)] : [];
    return [...headers, "webhook-timestamp", String(timestamp), ...signature];
  }

  async function push(rendered: RenderedEvent, { deliveryId, target, signal }: Push): Promise<Outcome> {
    const body = assemble(deliveryId, rendered.middle, JSON.stringify(target.matched) + END);
    if (body.length >= BYTES) return { kind: "rejected", detail: `larger than ${BYTES} bytes` };
    const url = target.address;
    const headers = signed(deliveryId, "application/cloudevents+json", body, target.secrets);
    const answer = await outgoing.send({ method: "POST", url, headers, body, reads: false, signal });
    if (answer.kind === "unreachable" && answer.refused)
      deps.log.warn("egress-refused", { channel: "webhook", endpoint: target.endpoint });
    return outcomeOf(answer, deps.now);
  }

  async function confirm(target: Target, challenge: string): Promise<ConfirmOutcome> {
    const body = Buffer.from(JSON.stringify({ type: "cn.gaoshi.endpoint.confirm", challenge }));
    const headers = signed(`confirm_${sha256(challenge).slice(0, 26)}`, "application/json", body, target.secrets);
    const answer = await outgoing.send({ method: "POST", url: target.address, headers, body, reads: true });
    if (answer.kind !== "answer" || (answer.status >= 300 && answer.status < 400)) return "refused";
    if (answer.status < 300 && answer.whole && echoes(answer.body, challenge)) return "confirmed";
    return (await allowsOrigin(target.address)) ? "confirmed" : "refused";
  }

  async function allowsOrigin(url: string): Promise<boolean> {
    const host = new URL(deps.baseUrl).host;
    const headers = ["webhook-request-origin", host];
    const answer = await outgoing.send({ method: "OPTIONS", url, headers, reads: true });
    if (answer.kind !== "answer" || answer.status < 200 || answer.status > 299) return false;
    const allowed = answer.headers["webhook-allowed-origin"];
    return typeof allowed === "string" && (allowed.trim() === "*" || allowed.trim().toLowerCase() === host);
  }

  return {
    name: "webhook",
    guarantee: "at-least-once",
    limits: { inFlight: 512, inFlightPerOrigin: 512, bytes: BYTES, chunk: 100, seconds: SECONDS },
    queue: "deliver-webhook",
    lateQueue: "deliver-late",
    retrySeconds: [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
    retriesUnknown: true,
    confirms: "echo",
    async address(address, options) {
      const checked = await deps.egress.check(address, options);
      if ("url" in checked) return { address: checked.url.href };
      return { errors: [{ pointer: "/endpoint/address", ...checked.fault }] };
    },
    confirm,
    render: (revision, _language, links) => render(revision, links.source, links.announcement(revision.announcementId)),
    renderDigest: (digest, _language, links) => renderDigest(digest, links),
    preview(revision, _language, links) {
      const { middle } = render(revision, links.source, links.announcement(revision.announcementId));
      const bytes = middle.length + ENVELOPE_BYTES;
      const brief = inBrief(revision, summaryOf(revision.content, SUMMARY));
      return { text: `{…${middle.toString("utf8").slice(1)}[…]}}`, bytes, limit: BYTES, ...brief, faults: [] };
    },
    push,
    giveUp: (afterMs) => outgoing.giveUp(afterMs),
    close: () => outgoing.close(),
  };
}

function render(revision: Revision, source: string, url: string): RenderedEvent {
  const { content } = revision;
  const event = JSON.stringify({
    source,
    type: `cn.gaoshi.announcement.${revision.kind}`,
    subject: revision.announcementId,
    time: revision.publishedAt,
    datacontenttype: "application/json",
    data: {
      id: revision.announcementId,
      revision: revision.revision,
      title: content.title,
      summary: summaryOf(content, SUMMARY),
      url,
      column: content.column,
      columnName: revision.columnName,
      unit: content.unitId,
      unitName: revision.unitName,
      publishedAt: revision.publishedAt,
      urgency: content.urgency,
      language: content.language,
      contentHash: revision.contentHash,
      ...(revision.reason === undefined ? {} : { reason: revision.reason }),
    },
  });
  return { middle: Buffer.from(`,${event.slice(1, -END.length)},"matched":`) };
}

const SUMMARY = 500;
// Id, version and matched topics, of which a subscription may have twenty.
const ENVELOPE_BYTES = 2000;
const DIGEST_ITEMS = 25;

/** The newest of a digest in full; `more` counts those that a body under 20 KB has no room for. */
function renderDigest({ frequency, at, revisions }: Digest, links: Links): RenderedEvent {
  const items = revisions.slice(0, DIGEST_ITEMS).map(({ announcementId, revision, kind, content, ...rest }) => ({
    id: announcementId,
    revision,
    kind,
    title: content.title,
    summary: summaryOf(content, 120),
    url: links.announcement(announcementId),
    column: content.column,
    unit: content.unitId,
    unitName: rest.unitName,
    publishedAt: rest.publishedAt,
    urgency: content.urgency,
    contentHash: rest.contentHash,
  }));
  const event = JSON.stringify({
    source: links.source,
    type: "cn.gaoshi.digest.published",
    subject: `${frequency}/${at}`,
    time: at,
    datacontenttype: "application/json",
    data: { frequency, items, more: revisions.length - items.length },
  });
  return { middle: Buffer.from(`,${event.slice(1, -END.length)},"matched":`) };
}

/** `id` is ASCII, so that its bytes need not be counted. */
function assemble(id: string, middle: Buffer, tail: string): Buffer {
  const head = `{"specversion":"1.0","id":${JSON.stringify(id)}`;
  const start = head.length;
  const body = Buffer.allocUnsafe(start + middle.length + Buffer.byteLength(tail));
  body.write(head, "latin1");
  body.set(middle, start);
  body.write(tail, start + middle.length);
  return body;
}

/**
 * 2xx delivered, 410 gone, everything else another try: Standard Webhooks, "Operational considerations". Silence after the
 * bytes left is tried again as well, but may have arrived: whoever saw a text so is told when it is withdrawn.
 */
export function outcomeOf(answer: Answer, now: () => Date): Outcome {
  if (answer.kind === "unreachable") return { kind: "retry", detail: whyUnreachable(answer) };
  if (answer.kind === "silent")
    return { kind: "unknown", detail: answer.detail === "time-out" ? "no answer in time" : "connection broken" };
  const { status } = answer;
  if (status >= 200 && status < 300) return { kind: "delivered", status };
  if (status === 410) return { kind: "gone", status, detail: "410" };
  if (status >= 300 && status < 400) return { kind: "retry", status, detail: "redirect, never followed" };
  const named = [429, 502, 503, 504].includes(status)
    ? retryAfterSeconds(answer.headers["retry-after"], now())
    : undefined;
  return {
    kind: "retry",
    status,
    detail: String(status),
    ...(named === undefined ? {} : { retryAfterSeconds: named }),
  };
}

function echoes(body: string, challenge: string): boolean {
  const text = body.trim();
  if (text === challenge) return true;
  if (!text.startsWith("{")) return false;
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && "challenge" in parsed && parsed.challenge === challenge;
  } catch {
    return false;
  }
}
