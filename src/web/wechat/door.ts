import { setTimeout as sleep } from "node:timers/promises";
import { type Context, Hono } from "hono";
import { settingsInUse } from "#src/domain/deliveries/settings-in-use.ts";
import { AppError } from "#src/errors.ts";
import type { DoorDeps } from "#src/web/app.ts";
import { readText } from "#src/web/body.ts";
import { addressGroup, limiter, tooMany } from "#src/web/limits.ts";
import {
  type CallbackSetup,
  isFresh,
  isQuerySigned,
  type Opened,
  openMessage,
  packReply,
  type Query,
  queryOf,
} from "./envelope.ts";
import { type EventDeps, handle } from "./events.ts";
import { answered, type Heard, hear, unheard } from "./heard.ts";

const PLACE = "/wechat/callback";
const BODY_BYTES = 64 * 1024;
/** The platform gives five seconds, the way included. */
const PATIENCE_MS = 4000;
const POLL_MS = 200;
const DONE = "success";

/**
 * The callback of an Official Account (WX push pages): the check of the address, and messages and events. Whoever cannot
 * sign is counted like one who guesses secrets; the platform's own servers, which can, are never held up.
 */
export function wechatDoor(deps: DoorDeps): Hono {
  const limits = limiter(deps);

  async function refuse(c: Context): Promise<never> {
    const taken = await limits.take("guesses", addressGroup(deps.remoteAddress?.(c) ?? "unknown"));
    throw taken.over ? tooMany(taken.resetSeconds) : NOT_SIGNED;
  }

  async function setUp(): Promise<{ setup: CallbackSetup; values: EventDeps["values"] }> {
    const found = await settingsInUse(deps.settings, "official-account", callbackOf);
    if (!found) throw NOT_SET_UP;
    return found;
  }

  return new Hono()
    .get(PLACE, async (c) => {
      const { setup } = await setUp();
      const url = new URL(c.req.url);
      const query = queryOf(url);
      const echo = url.searchParams.get("echostr") ?? "";
      const fits = /^[\x21-\x7e]{1,512}$/.test(echo) && isFresh(query, deps.now());
      if (!fits || !isQuerySigned(query, setup.token)) return refuse(c);
      return c.text(echo, 200, NOT_KEPT);
    })
    .post(PLACE, async (c) => {
      const { setup, values } = await setUp();
      const query = queryOf(new URL(c.req.url));
      if (!isFresh(query, deps.now())) return refuse(c);
      const body = await readText(c.req.raw, BODY_BYTES);
      const opened = openMessage(body, query, setup);
      if (!opened) return refuse(c);
      const said = messageIn(opened);
      if (!said || (setup.originId !== undefined && said.to !== setup.originId)) return refuse(c);
      const heard = await heardOf({ message: said.name, call: callOf(query), body });
      if (heard.kind === "forged") return refuse(c);
      if (heard.kind === "busy") throw AGAIN; // anything but an error would end the platform's repeats
      const text = heard.kind === "done" ? heard.reply : await handled(said.name, opened, values);
      if (text === "") return c.text(DONE, 200, NOT_KEPT);
      const reply = packReply({ to: said.from, from: said.to, text }, opened, setup, deps.now());
      return c.body(reply.body, 200, { "content-type": reply.contentType, ...NOT_KEPT });
    });

  /** A repeat waits for the first one's answer, and takes over from a worker that died. */
  async function heardOf(what: Parameters<typeof hear>[1]): Promise<Heard> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      const heard = await hear(deps, what);
      if (heard.kind !== "busy" || performance.now() > until) return heard;
      await sleep(POLL_MS);
    }
  }

  /** The text to answer, within the time there is; a repeat of the message gets the same. */
  async function handled(name: string, opened: Opened, values: EventDeps["values"]): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, BUSY);
    });
    const work = handle({ ...deps, values }, opened.fields).then(async (text = "") => {
      await answered(deps, name, text);
      return text;
    });
    work.catch(async (error: unknown) => {
      deps.log.error("wechat-event", { detail: String(error).slice(0, 300) });
      await unheard(deps, name).catch(() => undefined);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

const callOf = ({ timestamp, nonce, signature, messageSignature }: Query) =>
  JSON.stringify([timestamp, nonce, messageSignature || signature]);

/**
 * Who speaks to which account, and the name by which a repeat is known: the id of the message, or all that an event says.
 * A repeat gets the first one's answer, which may hold a secret: so the sender is always part of it.
 */
function messageIn({ fields }: Opened): { from: string; to: string; name: string } | undefined {
  const text = (name: string) => (typeof fields[name] === "string" ? fields[name] : "");
  const [from, to, id] = [text("FromUserName"), text("ToUserName"), text("MsgId")];
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(from) || !/^[A-Za-z0-9_-]{1,64}$/.test(to)) return undefined;
  const isEvent = id === "" || text("MsgType") === "event";
  return { from, to, name: JSON.stringify([to, from, isEvent ? fields : id]) };
}

const BUSY = "系统繁忙，请稍后再发一次。";
const NOT_KEPT = { "cache-control": "no-store" };

const NOT_SIGNED = new AppError("forbidden", "SIGNATURE", {
  zh: "签名不正确、已过期或消息无法读取",
  en: "the signature is wrong or too old, or the message cannot be read",
});

const AGAIN = new AppError(
  "unavailable",
  "BUSY",
  { zh: "请稍后再试", en: "try again in a moment" },
  { retryAfterSeconds: 5 },
);

function callbackOf(
  values: EventDeps["values"] = {},
): { setup: CallbackSetup; values: EventDeps["values"] } | undefined {
  const { appId, token, encodingAesKey, previousAesKey, originId } = values;
  if (!appId || !token) return undefined;
  const keys = [encodingAesKey, previousAesKey].filter((key) => key !== undefined);
  return { setup: { appId, token, keys, originId }, values };
}

const NOT_SET_UP = new AppError("not-found", "CHANNEL_NOT_SET_UP", {
  zh: "公众号尚未接入：请管理员在渠道设置中填写 appId 与 token",
  en: "the Official Account is not set up: an admin must enter appId and token in the channel's settings",
});
