import { getColumn } from "#src/domain/announcements/columns.ts";
import { followFeed, leaveFeed } from "#src/domain/deliveries/follow-feed.ts";
import { getUnit } from "#src/domain/units/read.ts";
import { AppError, type InputError } from "#src/errors.ts";
import type { Text } from "#src/text.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkBodyHeaders, isStorable, readText } from "#src/web/body.ts";
import { invalidInput } from "#src/web/input.ts";

export const HUB_PATH = "/websub";

const FORM = "application/x-www-form-urlencoded";
const FORM_BYTES = 8 * 1024;
const SECRET_BYTES = 200;
const FEED_PATH = /^\/(?:(columns|units)\/([\w-]{1,64})\/)?feed\.(?:atom|rss|json)$/;

type Deps = Pick<WebDeps, "table" | "queue" | "channels" | "now" | "newId" | "config">;

/**
 * The hub (W3C WebSub 5): takes requests for feeds of this site and answers 202; the callback is asked afterwards. Parameters that
 * it does not know are ignored. It publishes by itself, so nobody has to tell it of news.
 */
export async function hub(deps: Deps, request: Request): Promise<Response> {
  checkBodyHeaders(request, [FORM], FORM_BYTES);
  const form = new URLSearchParams(await readText(request, FORM_BYTES));
  const mode = form.get("hub.mode");
  const callback = form.get("hub.callback")?.trim() ?? "";
  const secret = form.get("hub.secret") ?? "";
  const leaseSeconds = form.get("hub.lease_seconds")?.trim() ?? "";
  const feed = await feedAt(deps, form.get("hub.topic") ?? "");
  const errors: InputError[] = [];
  const refuse = (name: string, code: string, detail: Text) => errors.push({ pointer: `/hub.${name}`, code, detail });
  if (mode !== "subscribe" && mode !== "unsubscribe") refuse("mode", "HUB_MODE", MODE);
  if (callback === "") refuse("callback", "REQUIRED", REQUIRED);
  if (!feed) refuse("topic", "HUB_TOPIC", TOPIC);
  if (Buffer.byteLength(secret) >= SECRET_BYTES || !isStorable(secret)) refuse("secret", "HUB_SECRET", SECRET);
  if (!/^\d{0,12}$/.test(leaseSeconds)) refuse("lease_seconds", "HUB_LEASE", LEASE);
  if (!feed || errors.length > 0) throw invalidInput(errors);
  const follower = { callback, path: feed.path };
  try {
    if (mode === "unsubscribe") await leaveFeed(deps, follower);
    else await followFeed(deps, { ...follower, topic: feed.topic, leaseSeconds: Number(leaseSeconds), secret });
  } catch (error) {
    throw atCallback(error);
  }
  return new Response(null, { status: 202, headers: { "cache-control": "no-store" } });
}

/** The feed of this site with exactly this address, and what it is about. */
async function feedAt(deps: Deps, url: string): Promise<{ path: string; topic: string } | undefined> {
  const base = deps.config.baseUrl;
  const path = url.startsWith(base) ? url.slice(base.length) : "";
  const [match, folder, name = ""] = FEED_PATH.exec(path) ?? [];
  if (match === undefined) return undefined;
  if (folder === undefined) return { path, topic: "all" };
  if (folder === "columns") return (await getColumn(deps, name)) ? { path, topic: `column:${name}` } : undefined;
  return (await getUnit(deps, name)) ? { path, topic: `unit:${name}` } : undefined;
}

/** What is wrong with the address is wrong with the callback, whose name here is another. */
function atCallback(error: unknown): unknown {
  if (!(error instanceof AppError) || error.kind !== "invalid") return error;
  return invalidInput(error.errors.map((one) => ({ ...one, pointer: "/hub.callback" })));
}

const MODE: Text = { zh: "应为 subscribe 或 unsubscribe", en: "must be subscribe or unsubscribe" };
const REQUIRED: Text = { zh: "必须填写", en: "this is required" };
const TOPIC: Text = {
  zh: "应为本站某个订阅源的完整网址，即其 rel=self 链接",
  en: "must be the address of a feed of this site, as its rel=self says",
};
const SECRET: Text = { zh: "密钥须少于200字节", en: "the secret must have less than 200 bytes" };
const LEASE: Text = { zh: "应为秒数", en: "must be a number of seconds" };
