import type { Outcome } from "#src/domain/deliveries/channel.ts";
import type { PushSteps } from "#src/domain/deliveries/push-steps.ts";
import type { ReplyWindows } from "#src/domain/deliveries/reply-window.ts";
import type { TokenSource } from "#src/domain/deliveries/shared-token.ts";
import { sha256 } from "#src/ids.ts";
import { accountErrors } from "./official-account-errors.ts";
import { type NoticeWords, noticeData } from "./official-account-notice.ts";
import type { Account } from "./official-account-settings.ts";
import { idIn, type Reply, type WechatCall } from "./wechat-call.ts";
import { failureOf } from "./wechat-errors.ts";

type PersonDeps = { call: WechatCall; steps: PushSteps; windows: ReplyWindows; now: () => Date };

export type PersonMessage = {
  title: string;
  description: string;
  url: string;
  words: NoticeWords;
};

type Work = {
  account: Account;
  source: TokenSource;
  address: string;
  deliveryId: string;
  attempt: number;
  message: PersonMessage;
};

const WINDOW_CLOSED = new Map([
  [45015, "outside the reply window"],
  [45047, "too many replies in the window"],
]);
// The platform takes a repeat of a template message for the first one for ten minutes.
const SAME_MS = 9 * 60_000;
const UNSURE: Outcome = { kind: "unknown", detail: "sent before, and no answer came", spentBefore: true };

/**
 * One message to one follower: as a reply while the platform allows one, else as the notice that the operator set up.
 * Replies and subscription notices have no key of ours, so that they are sent is noted first: one that was cut off is
 * `unknown`, and never sent again by itself. A later attempt is a person's, who has looked and wants it sent again.
 */
export async function pushToPerson(deps: PersonDeps, work: Work): Promise<Outcome> {
  const { account, deliveryId, attempt } = work;
  const known = await deps.steps.read(deliveryId);
  if (known["unsure"] === attempt) return UNSURE;
  let closedBy: number | undefined;
  const noticedAt = known["unsure"] === undefined ? Number(known["noticedAt"] ?? 0) : 0;
  if (noticedAt === 0 && (await deps.windows.take(work.address))) {
    const replied = await reply(deps, work);
    if (typeof replied === "object") return replied;
    closedBy = replied;
  }
  if (!account.notice) return { kind: "rejected", detail: withoutNotice(closedBy) };
  if (account.notice.kind === "subscription") return subscriptionNotice(deps, work, account.notice);
  if (noticedAt !== 0 && deps.now().getTime() - noticedAt > SAME_MS) {
    await deps.steps.note(deliveryId, { unsure: attempt });
    return UNSURE;
  }
  return templateMessage(deps, work, account.notice, noticedAt);
}

/** `code`: by which the vendor said that no reply may be sent; none where that is known without asking. */
function withoutNotice(code = 0): string {
  const closed = WINDOW_CLOSED.get(code);
  return `${closed ? `errcode ${code}: ${closed}` : "outside the reply window"}, and no notice is set up for this account`;
}

/** The vendor's code when the window turned out to be closed. */
async function reply(deps: PersonDeps, work: Work): Promise<Outcome | number> {
  const { title, description, url } = work.message;
  const news = { articles: [{ title, description, url, picurl: "" }] };
  const answer = await once(deps, work, "/cgi-bin/message/custom/send", {
    touser: openidOf(work.address),
    msgtype: "news",
    news,
  });
  if (answer.kind === "ok") return { kind: "delivered", status: 200 };
  if (answer.kind === "error" && WINDOW_CLOSED.has(answer.code)) {
    await deps.windows.close(work.address);
    return answer.code;
  }
  return failure(deps, answer, "unknown");
}

async function subscriptionNotice(
  deps: PersonDeps,
  work: Work,
  notice: NonNullable<Account["notice"]>,
): Promise<Outcome> {
  const answer = await once(deps, work, "/cgi-bin/message/subscribe/bizsend", {
    touser: openidOf(work.address),
    template_id: notice.templateId,
    page: work.message.url,
    data: noticeData(work.message.words, notice.fields),
  });
  return answer.kind === "ok" ? { kind: "delivered", status: 200 } : failure(deps, answer, "unknown");
}

async function templateMessage(
  deps: PersonDeps,
  { account, source, address, deliveryId, message }: Work,
  notice: NonNullable<Account["notice"]>,
  noticedAt: number,
): Promise<Outcome> {
  if (noticedAt === 0) await deps.steps.note(deliveryId, { noticedAt: deps.now().getTime() });
  const answer = await deps.call(source, "/cgi-bin/message/template/send", {
    json: {
      touser: openidOf(address),
      template_id: notice.templateId,
      url: message.url,
      client_msg_id: sha256(`${account.appId}\n${deliveryId}`).slice(0, 32),
      data: noticeData(message.words, notice.fields),
    },
  });
  if (answer.kind === "ok") {
    const id = idIn(answer.body, "msgid");
    return { kind: "accepted", status: 200, ...(id === undefined ? {} : { receipt: `template:${id}` }) };
  }
  const sure = answer.kind !== "silent" && answer.kind !== "unreadable";
  if (sure && noticedAt === 0) await deps.steps.note(deliveryId, {});
  const outcome = failure(deps, answer, "retry");
  return sure ? outcome : { kind: "retry", detail: "no answer that can be read came", retryAfterSeconds: 60 };
}

/** Sends what has no key: noted before, and forgotten when the platform certainly did not take it. */
async function once(
  deps: PersonDeps,
  { source, deliveryId, attempt }: Work,
  path: string,
  json: object,
): Promise<Reply> {
  await deps.steps.note(deliveryId, { unsure: attempt });
  const answer = await deps.call(source, path, { json });
  if (answer.kind !== "silent" && answer.kind !== "unreadable" && answer.kind !== "ok")
    await deps.steps.note(deliveryId, {});
  return answer;
}

function failure(deps: PersonDeps, answer: Exclude<Reply, { kind: "ok" }>, unsure: "retry" | "unknown"): Outcome {
  return failureOf(answer, { now: deps.now(), errors: accountErrors("subscription"), unsure });
}

export function openidOf(address: string): string {
  return address.slice("openid:".length);
}
