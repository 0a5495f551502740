import { OFFICIAL_ACCOUNT_WINDOW } from "#src/domain/deliveries/official-account-window.ts";
import { publicationWord } from "#src/domain/deliveries/publication-word.ts";
import type { Receipt } from "#src/domain/deliveries/receipts.ts";
import { noteHeard } from "#src/domain/deliveries/reply-window.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { follow } from "#src/domain/subscriptions/follow.ts";
import { heedFollowWord } from "#src/domain/subscriptions/follow-word.ts";
import { PublicTopics } from "#src/domain/subscriptions/topic.ts";
import { PRODUCT } from "#src/text.ts";
import type { WebDeps } from "#src/web/app.ts";
import type { Fields } from "./xml.ts";

export type EventDeps = Pick<WebDeps, "table" | "now" | "log" | "config" | "answer" | "receipt"> & {
  /** The operator's settings of the account. */
  values: Readonly<Record<string, string>>;
};

const CHANNEL = "official-account";
// A text reply is refused beyond about two thousand bytes.
const REPLY_BYTES = 2000;
const SAID = 500;
// A call that is signed for a later time than this is refused.
const AHEAD_MS = 300_000;

/** What one message or event of the platform makes happen; the text to answer, if any. */
export async function handle(deps: EventDeps, fields: Fields): Promise<string | undefined> {
  const type = textOf(fields, "MsgType");
  if (type !== "event") {
    await heard(deps, fields, "message");
    return answer(deps, fields, type === "text" ? textOf(fields, "Content") : "");
  }
  switch (textOf(fields, "Event").toLowerCase()) {
    case "subscribe":
      await heard(deps, fields, "action");
      return followed(deps, fields);
    case "unsubscribe":
      await heeded(deps, fields, false);
      return undefined;
    case "click":
      await heard(deps, fields, "action");
      return answer(deps, fields, textOf(fields, "EventKey"));
    case "scan":
      await heard(deps, fields, "action");
      return help(deps);
    case "templatesendjobfinish":
      return received(deps, templateReceipt(fields));
    case "masssendjobfinish":
      return received(deps, massReceipt(fields));
    case "publishjobfinish":
      return received(deps, publishReceipt(fields));
    default:
      return undefined;
  }
}

async function followed(deps: EventDeps, fields: Fields): Promise<string | undefined> {
  const on = await heeded(deps, fields, true);
  // Nobody greets who has left since.
  return on === undefined ? undefined : (deps.values["greeting"] ?? greeting(deps, on));
}

/** Whether it is subscribed now; undefined where a newer word is known. */
function heeded(deps: EventDeps, fields: Fields, follows: boolean): Promise<boolean | undefined> {
  const address = addressOf(fields);
  const endpoint = endpointKey(CHANNEL, address);
  const wanted = deps.values["followTopics"] ?? "all";
  const topics = wanted === "none" ? undefined : PublicTopics().parse(wanted.split(","));
  return heedFollowWord(deps, endpoint, { at: wordAt(deps, fields), follows }, async (follows) => {
    if (follows) return topics !== undefined && follow(deps, { channel: CHANNEL, address, topics, language: "zh-CN" });
    await endEndpoint(deps, endpoint, "unsubscribed");
    return false;
  });
}

async function answer(deps: EventDeps, fields: Fields, said: string): Promise<string> {
  const text = said.trim().slice(0, SAID);
  if (text === "" || !deps.answer) return help(deps);
  const reply = await deps.answer({ channel: CHANNEL, address: addressOf(fields), text, mayManage: true });
  return fitting(reply ?? help(deps));
}

function heard(deps: EventDeps, fields: Fields, kind: "message" | "action"): Promise<void> {
  return noteHeard(deps, {
    channel: CHANNEL,
    address: addressOf(fields),
    heard: kind,
    at: saidAt(deps, fields),
    rule: OFFICIAL_ACCOUNT_WINDOW,
  });
}

/** Theirs is the time that counts, as far as it can be true. */
function saidAt(deps: EventDeps, fields: Fields): Date {
  const seconds = Number(textOf(fields, "CreateTime"));
  const now = deps.now();
  return seconds > 0 && seconds * 1000 < now.getTime() ? new Date(seconds * 1000) : now;
}

/** Theirs, also where our clock is behind: their words are told apart by it, as long as it is about right. */
function wordAt(deps: EventDeps, fields: Fields): number {
  const at = Number(textOf(fields, "CreateTime")) * 1000;
  const now = deps.now().getTime();
  return at > 0 && at < now + AHEAD_MS ? at : now;
}

async function received(deps: EventDeps, receipt: Receipt | undefined): Promise<undefined> {
  if (!receipt) return undefined;
  deps.log.info("wechat-receipt", { receipt: receipt.receipt, outcome: receipt.outcome, detail: receipt.detail });
  await deps.receipt?.(receipt);
}

type Told = { receipt: string; delivered: boolean; detail: string };

function receiptOf({ receipt, delivered, detail }: Told): Receipt {
  return delivered
    ? { channel: CHANNEL, receipt, outcome: "delivered" }
    : { channel: CHANNEL, receipt, outcome: "failed", detail: detail.slice(0, 200) };
}

/** WX Template_Message_Interface: `success`, `failed:user block`, `failed: system failed`. */
function templateReceipt(fields: Fields): Receipt | undefined {
  const id = idOf(fields, "MsgID");
  const status = textOf(fields, "Status");
  return id === undefined
    ? undefined
    : receiptOf({ receipt: `template:${id}`, delivered: status === "success", detail: plain(status) });
}

/** WX Batch_Sends: `send success` (`sendsuccess` in its example), `send fail`, `err(…)`; how many of how many stands beside it. */
function massReceipt(fields: Fields): Receipt | undefined {
  const id = idOf(fields, "MsgID");
  const status = textOf(fields, "Status");
  const [sent, total] = [textOf(fields, "SentCount"), textOf(fields, "TotalCount")];
  const detail = plain(`${status}, ${sent} of ${total}`);
  return id === undefined
    ? undefined
    : receiptOf({ receipt: `mass:${id}`, delivered: /^send\s?success$/i.test(status.trim()), detail });
}

/** WX freepublish: 0 done, 1 still at it (another event follows), the others are ends. */
function publishReceipt(fields: Fields): Receipt | undefined {
  const info = fields["PublishEventInfo"];
  if (typeof info !== "object") return undefined;
  const id = idOf(info, "publish_id");
  const word = publicationWord(textOf(info, "publish_status"));
  if (id === undefined || (word?.kind !== "delivered" && word?.kind !== "failed")) return undefined;
  const detail = word.kind === "failed" ? word.detail : "";
  return receiptOf({ receipt: `publish:${id}`, delivered: word.kind === "delivered", detail });
}

function help({ config }: EventDeps): string {
  return `${PRODUCT.zh}：新公告发布后会在这里通知您。\n查看全部公告：${config.baseUrl}/announcements\n不再接收请取消关注。`;
}

function greeting(deps: EventDeps, on: boolean): string {
  const { config } = deps;
  return on
    ? `感谢关注${PRODUCT.zh}，已为您订阅公告，新公告发布后会在这里通知您。\n查看全部公告：${config.baseUrl}/announcements\n不再接收请取消关注。`
    : `感谢关注${PRODUCT.zh}。\n查看全部公告：${config.baseUrl}/announcements`;
}

function fitting(text: string): string {
  if (Buffer.byteLength(text) <= REPLY_BYTES) return text;
  let kept = "";
  let size = 3;
  for (const { segment } of new Intl.Segmenter("zh").segment(text)) {
    size += Buffer.byteLength(segment);
    if (size > REPLY_BYTES) break;
    kept += segment;
  }
  return `${kept}…`;
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === "string" ? value.trim() : "";
}

function idOf(fields: Fields, name: string): string | undefined {
  const id = textOf(fields, name);
  return /^[\x21-\x7e]{1,128}$/.test(id) ? id : undefined;
}

const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, "?").slice(0, 100);

function addressOf(fields: Fields): string {
  return `openid:${textOf(fields, "FromUserName")}`;
}
