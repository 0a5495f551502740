import type { Channel, ConfirmOutcome, Outcome, Push, Target } from "#src/domain/deliveries/channel.ts";
import { OFFICIAL_ACCOUNT_WINDOW } from "#src/domain/deliveries/official-account-window.ts";
import { settingsInUse } from "#src/domain/deliveries/settings-in-use.ts";
import type { FetchedToken, TokenSource } from "#src/domain/deliveries/shared-token.ts";
import type { InputError } from "#src/errors.ts";
import { PRODUCT, say } from "#src/text.ts";
import { noSecret } from "./no-secret.ts";
import {
  ARTICLE,
  type ArticleDraft,
  articleDraft,
  articleFaults,
  digestDraft,
  pictureFaults,
} from "./official-account-article.ts";
import { askPlatform, canAsk } from "./official-account-ask.ts";
import { accountErrors } from "./official-account-errors.ts";
import { type NoticeWords, noticeWords } from "./official-account-notice.ts";
import { openidOf, type PersonMessage, pushToPerson } from "./official-account-person.ts";
import { ACCOUNT_SETTINGS, type Account, accountOf, massQuotas } from "./official-account-settings.ts";
import { makeOutgoing } from "./outgoing.ts";
import { cut, MARKS, oneLine } from "./summary.ts";
import { makeWechatCall, readReply, tokenIn, type WechatDeps } from "./wechat-call.ts";
import { chinaMinute, failureOf, NOT_SET_UP } from "./wechat-errors.ts";
import { confirmation, confirmLink } from "./wechat-words.ts";

/** Both forms of one message: which one goes out hangs on the address. */
export type RenderedAccount = { article: ArticleDraft; message: PersonMessage };

const ORIGIN = "https://api.weixin.qq.com";
// One call of several; a push begins none after 15 s.
const CALL = { answer: 8, total: 8 };
const PICTURE = { answer: 4, total: 6 };
const SECONDS = { connect: 5, answer: 8, total: 25 };
const MINUTE = 60;
const HOUR = 3600;

/**
 * WeChat Official Accounts (公众号, 服务号). `followers` and `tag:<id>` get an article by mass message or publication,
 * `openid:<openid>` a reply while the platform allows one and else a notice. Nothing goes out twice: the platform drops
 * repeated mass and template messages by our key, and what has no key is noted before it is sent (ADR 36).
 */
export function makeOfficialAccount(deps: WechatDeps): Channel<RenderedAccount> {
  const { memory, now } = deps;
  const origin = deps.origin ?? ORIGIN;
  const outgoing = makeOutgoing(deps.egress, deps.seconds ?? CALL);
  const fetcher = makeOutgoing(deps.egress, deps.seconds ?? PICTURE);
  const call = makeWechatCall({ outgoing, origin, tokens: memory.tokens, now });
  const windows = memory.windows("official-account", OFFICIAL_ACCOUNT_WINDOW);
  const known = () => settingsInUse(deps.settings, "official-account", accountOf);

  /** WX getStableAccessToken: the same token while it is good, so a repeat does no harm. */
  async function fetchToken(account: Account, force: boolean): Promise<FetchedToken> {
    const { appId: appid, secret } = account;
    const body = JSON.stringify({ grant_type: "client_credential", appid, secret, force_refresh: force });
    const reply = readReply(
      await outgoing.send({
        method: "POST",
        url: `${origin}/cgi-bin/stable_token`,
        headers: ["content-type", "application/json; charset=utf-8"],
        body: Buffer.from(body),
        reads: true,
      }),
      now(),
    );
    const token = tokenIn(reply);
    if (token) return token;
    if (reply.kind === "ok") return { fault: { kind: "retry", detail: "no token in the answer" } };
    const fault = failureOf(reply, { now: now(), errors: accountErrors(account.kind), unsure: "retry" });
    return { fault: fault.kind === "retry" ? fault : { kind: "retry", detail: "no token was given" } };
  }

  const sourceOf = (account: Account): TokenSource => ({
    credential: account.credential,
    fetch: () => fetchToken(account, false),
    force: () => fetchToken(account, true),
  });

  async function push(rendered: RenderedAccount, { deliveryId, attempt, target }: Push): Promise<Outcome> {
    const account = await known();
    if (!account) return NOT_SET_UP;
    const work = { account, source: sourceOf(account), deliveryId, attempt };
    if (target.address.startsWith("openid:"))
      return pushToPerson(
        { call, steps: memory.steps, windows, now },
        { ...work, address: target.address, message: rendered.message },
      );
    const tag = target.address === "followers" ? undefined : Number(target.address.slice("tag:".length));
    const { pushToAll } = await import("./official-account-mass.ts");
    const { egress } = deps;
    return pushToAll({ call, steps: memory.steps, now, egress, fetcher }, { ...work, tag, draft: rendered.article });
  }

  /** Only a follower who has just spoken can be asked; a whole audience never is, an operator enters it with its basis. */
  async function confirm(target: Target, challenge: string, requestedBy: string): Promise<ConfirmOutcome> {
    const account = await known();
    if (!account || !target.address.startsWith("openid:") || !(await windows.take(target.address))) return "refused";
    const { title, text } = confirmation(target.language);
    const content = `${title}\n${text}\n${confirmLink(deps.baseUrl, requestedBy, challenge)}`;
    const json = { touser: openidOf(target.address), msgtype: "text", text: { content } };
    const reply = await call(sourceOf(account), "/cgi-bin/message/custom/send", { json });
    if (reply.kind === "ok" || reply.kind === "silent" || reply.kind === "unreadable") return "sent";
    const fault = failureOf(reply, { now: now(), errors: accountErrors(account.kind), unsure: "unknown" });
    return fault.kind === "retry" && fault.pause ? { paused: fault.pause } : "refused";
  }

  return {
    name: "official-account",
    guarantee: "provider-deduplicated",
    limits: { inFlight: 16, inFlightPerOrigin: 16, bytes: ARTICLE.bytes, chunk: 20, seconds: SECONDS },
    queue: "deliver-official-account",
    retrySeconds: [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
    retriesUnknown: false,
    settings: ACCOUNT_SETTINGS,
    quotas: massQuotas,
    // The platform tells of every mass message, publication and template message how it ended, where its callback is set up.
    receipts: ({ token }) => (token ? "always" : undefined),
    // A used-up mass quota must not stop the replies.
    credential: (address) => (address.startsWith("openid:") ? "replies" : "mass"),
    shown: (address) =>
      address.startsWith("openid:") ? `openid:${openidOf(address).slice(0, 4)}…${address.slice(-4)}` : address,
    confirms: "link",
    secret: noSecret,
    async address(address, options) {
      const account = options?.settings ? accountOf(options.settings) : options?.lookup || (await known());
      if (!account) return { errors: [SET_UP_FIRST] };
      const normal = normalAddress(address);
      return normal === undefined ? { errors: [MALFORMED] } : { address: normal };
    },
    confirm,
    render(revision, language, links) {
      const url = links.announcement(revision.announcementId);
      const words = noticeWords(revision, language);
      const description = cut(`${words.unit} · ${words.time}\n${words.summary}`, 120);
      return {
        article: articleDraft(revision, language, url),
        message: { title: cut(words.title, 64), description, url, words },
      };
    },
    renderDigest(digest, language, links) {
      const article = digestDraft(digest, language, links);
      const titles = digest.revisions
        .slice(0, 5)
        .map(({ kind, content }, i) => `${i + 1}. ${cut(MARKS[kind][language] + oneLine(content.title), 30)}`);
      const words: NoticeWords = {
        title: article.title,
        summary: article.digest,
        unit: say(PRODUCT, language),
        column: language === "en" ? "digest" : "公告汇总",
        time: chinaMinute(digest.at),
        kind: language === "en" ? "digest" : "公告汇总",
      };
      return { article, message: { title: article.title, description: titles.join("\n"), url: links.source, words } };
    },
    async preview(revision, language, links) {
      const draft = articleDraft(revision, language, links.announcement(revision.announcementId));
      const { title, digest, head, body } = draft;
      const text = [title, digest, "", ...head, "", body].join("\n");
      const bytes = Buffer.byteLength(text);
      const faults = [...articleFaults(revision, language), ...(await pictureFaults(deps.egress, draft))];
      return { text: cut(text, 2000), bytes, limit: ARTICLE.bytes, faults };
    },
    push,
    canAsk,
    async ask(receipt) {
      const account = await known();
      return account ? askPlatform(call, sourceOf(account), receipt) : { kind: "unknown" };
    },
    close: async () => {
      await Promise.all([outgoing.close(), fetcher.close()]);
    },
  };
}

/** An openid has 28 characters; older ones and test accounts differ a little. A tag's id is a small number. */
function normalAddress(address: string): string | undefined {
  if (address === "followers" || /^openid:[A-Za-z0-9_-]{20,64}$/.test(address)) return address;
  const tag = /^tag:0*(\d{1,9})$/.exec(address)?.[1];
  return tag === undefined ? undefined : `tag:${tag}`;
}

const MALFORMED: InputError = {
  pointer: "/endpoint/address",
  code: "ADDRESS_MALFORMED",
  detail: {
    zh: "地址应为 followers（全部关注者）、tag:标签编号 或 openid:关注者编号",
    en: "the address must be followers, tag:<id> or openid:<openid>",
  },
};

const SET_UP_FIRST: InputError = {
  pointer: "/endpoint/channel",
  code: "CHANNEL_NOT_SET_UP",
  detail: {
    zh: "公众号尚未接入：请管理员在渠道设置中填写 appId 与 appSecret（PUT /api/v1/channels/official-account）",
    en: "the Official Account is not set up: an admin must enter appId and appSecret (PUT /api/v1/channels/official-account)",
  },
};
