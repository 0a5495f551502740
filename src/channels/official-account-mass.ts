import type { Outcome } from "#src/domain/deliveries/channel.ts";
import type { PushSteps, Steps } from "#src/domain/deliveries/push-steps.ts";
import type { TokenSource } from "#src/domain/deliveries/shared-token.ts";
import { sha256 } from "#src/ids.ts";
import type { Egress } from "./egress.ts";
import { filePart } from "./file-part.ts";
import { type ArticleDraft, articleOf, bodyHtml } from "./official-account-article.ts";
import { askPlatform } from "./official-account-ask.ts";
import { plainCover } from "./official-account-cover.ts";
import { accountErrors } from "./official-account-errors.ts";
import { type Hosted, hostPictures } from "./official-account-pictures.ts";
import type { Account } from "./official-account-settings.ts";
import type { Outgoing } from "./outgoing.ts";
import { idIn, type Reply, type WechatCall } from "./wechat-call.ts";
import { failureOf } from "./wechat-errors.ts";

/** `fetcher`: for the pictures of articles. */
type MassDeps = { call: WechatCall; steps: PushSteps; now: () => Date; egress: Egress; fetcher: Outgoing };

type Work = {
  account: Account;
  source: TokenSource;
  deliveryId: string;
  attempt: number;
  /** Undefined: all followers. */
  tag: number | undefined;
  draft: ArticleDraft;
};

/** After so long no further call is begun: a push has its time, and what was made is remembered. */
const PATIENCE_MS = 15_000;
const MEDIA_GONE = new Set([40007, 40004, 53600]);
const AGAIN: Outcome = { kind: "retry", detail: "more calls are to be made", retryAfterSeconds: 5 };

/**
 * One article to all followers or those with a tag: cover, pictures, draft, then the mass message or the publication. Each step's
 * result is noted before the next, so a further attempt goes on where this one stopped; the mass message carries
 * `clientmsgid`, by which the platform itself takes a repeat for the first (for 24 hours).
 */
export async function pushToAll(deps: MassDeps, work: Work): Promise<Outcome> {
  const began = performance.now();
  const late = () => performance.now() - began > PATIENCE_MS;
  let known = await deps.steps.read(work.deliveryId);
  const note = async (more: Record<string, string | number | undefined>) => {
    known = Object.fromEntries(
      Object.entries({ ...known, ...more }).filter(([, value]) => value !== undefined),
    ) as Steps;
    await deps.steps.note(work.deliveryId, known);
  };
  if (known["receipt"] !== undefined) {
    const receipt = String(known["receipt"]);
    const hasFailed =
      known["by"] !== work.attempt && (await askPlatform(deps.call, work.source, receipt)).kind === "failed";
    if (!hasFailed) return { kind: "accepted", receipt, spentBefore: true };
    // A person wants it once more, and nobody has the first one: this is another message, with a key of its own.
    await note({ receipt: undefined, media: undefined, publishes: undefined, again: work.attempt });
  }

  if (known["media"] === undefined) {
    const cover = await coverOf(deps, work);
    if ("outcome" in cover) return cover.outcome;
    if (late()) return AGAIN;
    const { source, deliveryId, draft } = work;
    const hosted = await hostPictures(deps, { source, deliveryId, html: await bodyHtml(draft), page: draft.url });
    if (late()) return AGAIN;
    const drafted = await addDraft(deps, work, cover.id, hosted);
    if ("outcome" in drafted) return drafted.outcome;
    await note({ media: drafted.id });
    if (late()) return AGAIN;
  }
  const media = String(known["media"]);
  const publishes = work.account.broadcast === "publish" || known["publishes"] === 1;
  const key = known["again"] === undefined ? work.deliveryId : `${work.deliveryId}.${known["again"]}`;
  let done = publishes ? await publish(deps, work, media) : await sendAll(deps, work, media, key);
  if ("outcome" in done && done.usedUp && work.account.broadcast === "mass-or-publish") {
    await note({ publishes: 1 });
    done = await publish(deps, work, media);
  }
  if ("receipt" in done) {
    await note({ receipt: done.receipt, by: work.attempt });
    return { kind: "accepted", receipt: done.receipt, ...(done.spentBefore ? { spentBefore: true } : {}) };
  }
  if (done.mediaGone) await note({ media: undefined });
  return done.outcome;
}

type Made = { id: string } | { outcome: Outcome };

/** The operator's cover, or ours, which is uploaded once per account. */
async function coverOf(deps: MassDeps, { account, source }: Work): Promise<Made> {
  if (account.coverMediaId !== undefined) return { id: account.coverMediaId };
  const known = (await deps.steps.read(coverName(account)))["media"];
  if (known !== undefined) return { id: String(known) };
  const payload = filePart("cover.png", "image/png", plainCover());
  const made = madeIn(deps, await deps.call(source, "/cgi-bin/material/add_material?type=image", payload), "media_id");
  if ("id" in made) await deps.steps.note(coverName(account), { media: made.id }, 3650);
  return made;
}

const coverName = ({ appId }: Account) => `official-account-cover:${appId}`;

async function addDraft(deps: MassDeps, work: Work, cover: string, hosted: Hosted): Promise<Made> {
  const article = { article_type: "news", ...(await articleOf(work.draft, hosted)), thumb_media_id: cover };
  const reply = await deps.call(work.source, "/cgi-bin/draft/add", { json: { articles: [article] } });
  const made = madeIn(deps, reply, "media_id");
  // The operator may have deleted the picture: the next attempt uploads another one.
  if (reply.kind === "error" && reply.code === 40007 && work.account.coverMediaId === undefined) {
    await deps.steps.note(coverName(work.account), {}, 1);
    return { outcome: { kind: "retry", detail: "the cover is gone; another one is made", retryAfterSeconds: 5 } };
  }
  return made;
}

function madeIn(deps: MassDeps, reply: Reply, name: string): Made {
  const how = { now: deps.now(), errors: accountErrors("subscription"), unsure: "retry" } as const;
  if (reply.kind !== "ok") return { outcome: failureOf(reply, how) };
  const id = idIn(reply.body, name);
  return id === undefined ? { outcome: { kind: "retry", detail: `no ${name} in the answer` } } : { id };
}

type Done = { receipt: string; spentBefore?: boolean } | { outcome: Outcome; usedUp?: boolean; mediaGone?: boolean };

async function sendAll(deps: MassDeps, work: Work, media: string, key: string): Promise<Done> {
  const ask = (length: number) =>
    deps.call(work.source, "/cgi-bin/message/mass/sendall", {
      json: {
        filter: work.tag === undefined ? { is_to_all: true } : { is_to_all: false, tag_id: work.tag },
        mpnews: { media_id: media },
        msgtype: "mpnews",
        send_ignore_reprint: 0,
        clientmsgid: sha256(key).slice(0, length),
      },
    });
  let reply = await ask(32);
  if (reply.kind === "error" && reply.code === 45067) reply = await ask(16);
  const repeated = reply.kind === "error" && reply.code === 45065;
  if (reply.kind === "ok" || repeated) {
    const id = "body" in reply ? idIn(reply.body, "msg_id") : undefined;
    if (id !== undefined) return { receipt: `mass:${id}`, spentBefore: repeated };
    // It went out before, or just now, under a number that we were not told: no event can name it.
    const detail = "the platform took it and named no message";
    return { outcome: { kind: "unknown", detail, ...(repeated ? { spentBefore: true } : {}) } };
  }
  return failed(deps, work, reply);
}

async function publish(deps: MassDeps, work: Work, media: string): Promise<Done> {
  const asked = (await deps.steps.read(`${work.deliveryId}:publish`))["asked"];
  // No key of ours makes a repeat harmless here: a person has to look, and may ask for another attempt.
  if (asked === work.attempt)
    return { outcome: { kind: "unknown", detail: "asked to publish before, and no answer came", spentBefore: true } };
  await deps.steps.note(`${work.deliveryId}:publish`, { asked: work.attempt });
  const reply = await deps.call(work.source, "/cgi-bin/freepublish/submit", { json: { media_id: media } });
  const id = reply.kind === "ok" ? idIn(reply.body, "publish_id") : undefined;
  if (id !== undefined) return { receipt: `publish:${id}` };
  const unsure = reply.kind === "ok" || reply.kind === "silent" || reply.kind === "unreadable";
  if (unsure) return { outcome: { kind: "unknown", detail: "asked to publish, and no id came back" } };
  await deps.steps.note(`${work.deliveryId}:publish`, {});
  return failed(deps, work, reply);
}

function failed(deps: MassDeps, work: Work, reply: Exclude<Reply, { kind: "ok" }>): Done {
  const how = { now: deps.now(), errors: accountErrors(work.account.kind), unsure: "retry" } as const;
  const code = reply.kind === "error" ? reply.code : 0;
  if (MEDIA_GONE.has(code))
    return {
      outcome: { kind: "retry", detail: `errcode ${code}: the draft is gone; it is made anew`, retryAfterSeconds: 5 },
      mediaGone: true,
    };
  const outcome =
    code === 45066
      ? ({ kind: "retry", detail: "errcode 45066: repeated too soon", retryAfterSeconds: 60 } as const)
      : failureOf(reply, how);
  return { outcome, usedUp: code === 45028 };
}
