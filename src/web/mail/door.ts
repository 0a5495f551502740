import { hash, timingSafeEqual } from "node:crypto";
import { type Context, Hono } from "hono";
import { readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { leavingBySubject, mailedEndpoint } from "#src/domain/deliveries/endpoint-link.ts";
import { takeMailNotice } from "#src/domain/deliveries/mail-notice.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { AppError } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { unauthenticated } from "#src/web/auth.ts";
import { checkBodyHeaders, readBytes, readJson, readText } from "#src/web/body.ts";
import { addressGroup, limiter, tooMany } from "#src/web/limits.ts";
import { unknownPlace } from "#src/web/problem.ts";
import { SnsMessage, sesNotices, subscribeUrl } from "./notification.ts";
import { mailReports, mailSubject } from "./report.ts";

type Deps = Pick<WebDeps, "table" | "now" | "log" | "secret" | "policies" | "remoteAddress" | "receipt" | "visit">;

const NOTICE_BYTES = 256 * 1024;
const MAIL_BYTES = 1024 * 1024;

/**
 * Where bounces, complaints and requests to leave come in: Amazon SNS with the key in its address (SNS sends no header of ours), and raw mails
 * piped from any mail server, with the key as bearer. Closed until the operator has set `noticeKey` of the channel.
 */
export function mailDoor(deps: Deps): Hono {
  const limits = limiter(deps);

  async function admit(c: Context, given: string): Promise<void> {
    const key = (await readSetup(deps.table, "email"))?.settings["noticeKey"];
    const digest = (text: string) => Buffer.from(hash("sha256", text, "hex"));
    const right = timingSafeEqual(digest(given), digest(key ?? ""));
    if (key && right) return;
    const taken = await limits.take("guesses", addressGroup(deps.remoteAddress?.(c) ?? "unknown"));
    if (taken.over) throw tooMany(taken.resetSeconds);
    throw key ? unauthenticated() : unknownPlace();
  }

  async function notification(c: Context): Promise<Response> {
    await admit(c, c.req.param("key") ?? "");
    checkBodyHeaders(c.req.raw, ["text/plain", "application/json"], NOTICE_BYTES);
    const read = SnsMessage.safeParse(readJson(await readText(c.req.raw, NOTICE_BYTES)));
    if (!read.success) throw notOne();
    const { Type, Message, SubscribeURL } = read.data;
    if (Type === "SubscriptionConfirmation") return subscription(SubscribeURL);
    for (const notice of Type === "Notification" ? sesNotices(Message) : []) await takeMailNotice(deps, notice);
    return done();
  }

  /** Amazon asks whether its notifications are wanted here: whoever knows the key has said so. */
  async function subscription(text: string | undefined): Promise<Response> {
    const url = subscribeUrl(text);
    if (url === undefined) throw notOne();
    const visited = (await deps.visit?.(url)) ?? false;
    deps.log.info("mail-notices-subscribed", { visited });
    if (visited) return done();
    throw new AppError("unavailable", "SNS", {
      zh: "未能确认订阅，请稍后再试",
      en: "could not confirm; try again later",
    });
  }

  async function bounce(c: Context): Promise<Response> {
    await admit(c, /^bearer (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1] ?? "");
    checkBodyHeaders(c.req.raw, ["message/rfc822", "application/octet-stream"], MAIL_BYTES);
    const bytes = await readBytes(c.req.raw, MAIL_BYTES);
    const raw = bytes.toString("latin1");
    const prove = (id: string) => mailedEndpoint(deps.secret, id);
    for (const notice of mailReports(raw, prove)) await takeMailNotice(deps, notice);
    const leaving = leavingBySubject(deps.secret, mailSubject(raw));
    if (leaving !== undefined) {
      await endEndpoint(deps, leaving, "unsubscribed");
      deps.log.info("mail-unsubscribed", { endpoint: leaving });
    }
    return done();
  }

  return new Hono().post("/mail/notifications/:key", notification).post("/mail/bounces", bounce);
}

function done(): Response {
  return new Response(null, { status: 204, headers: { "cache-control": "no-store" } });
}

function notOne(): AppError {
  return new AppError("invalid", "SNS_MESSAGE", {
    zh: "这不是 Amazon SNS 的消息",
    en: "this is not a message of Amazon SNS",
  });
}
