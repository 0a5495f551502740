import {
  type BotOrder,
  type BotPhase,
  type BotState,
  openBotOrder,
  orderBot,
  readBotState,
} from "#src/domain/conversations/bot-state.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin } from "#src/web/auth.ts";
import { adminOf } from "./access.ts";
import { time } from "./dates.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Page } from "./page.ts";
import { qrCode } from "./qr.ts";
import type { View } from "./view.ts";

type Deps = Pick<WebDeps, "table" | "now" | "config" | "log">;

/** Seconds after which the page loads itself anew: soon while somebody stands there with a phone. */
const REFRESH = { waiting: 5, running: 30 };

/**
 * For admins: how the chat account is, and its QR code while it waits for one. The page loads itself anew, as a header
 * and not in the document, and lets the reader stop that (WCAG 2.2.1, 2.2.2).
 */
export async function botPage(deps: Deps, view: View, query: URLSearchParams, request: Request): Promise<Page> {
  await adminOf(deps, request);
  const { t } = view;
  const [state, order] = await Promise.all([readBotState(deps), openBotOrder(deps)]);
  const isStill = query.get("refresh") === "off";
  const isMoving = order !== undefined || (state !== undefined && !["in", "cooling", "stopped"].includes(state.phase));
  const seconds = isMoving ? REFRESH.waiting : REFRESH.running;
  const title = t("聊天机器人", "Chat bot");
  return {
    head: { title, hidden: true },
    personal: true,
    ...(isStill ? {} : { headers: { refresh: String(seconds) } }),
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console")}">${t("返回工作台", "Back to the console")}</a></div>
${order ? ordered(view, order) : NOTHING}
${state ? running(view, state) : missing(view)}
<p class="small muted">${
      isStill
        ? html`<a href="${view.to("/console/bot")}">${t("恢复自动刷新", "Refresh by itself again")}</a>`
        : html`${t(`本页每${seconds}秒自动刷新。`, `This page refreshes itself every ${seconds} seconds.`)} <a href="${view.to("/console/bot?refresh=off")}">${t("停止自动刷新", "Stop that")}</a>`
    }</p>`,
  };
}

/** Asks the bot, wherever it runs, to forget its login. */
export async function dropBotSession(deps: Deps, view: View, request: Request): Promise<Response> {
  checkOrigin(request, deps.config);
  const caller = await adminOf(deps, request);
  await orderBot(deps, { kind: "drop-session", by: caller.id });
  deps.log.info("acted", { route: "console bot drop-session", actor: caller.id });
  return new Response(null, {
    status: 303,
    headers: { location: view.to("/console/bot"), "cache-control": "no-store" },
  });
}

function ordered(view: View, { at }: BotOrder): Html {
  const { t } = view;
  return html`<div class="notice" role="status"><p class="title">${t("已要求清除登录", "The login is to be dropped")}</p><p>${time(at, view.language)} · ${t("机器人通常几秒内照办，随后出现新的二维码。", "The bot usually does so within seconds; a new QR code then appears.")}</p></div>`;
}

function missing(view: View): Html {
  const { t } = view;
  return html`<section class="card"><p><span class="badge">${t("未配置", "not configured")}</span></p>
<p>${t("没有机器人在运行。", "No bot is running.")}</p>
<p>${t("单机运行：设置环境变量", "On one machine: set the variable")} <code class="code">GAOSHI_WECHATY_PUPPET</code> ${t("为 wechaty puppet 的包名并重启。AWS：部署时带上 botSubnets 等参数。", "to the package of a wechaty puppet and start again. On AWS: deploy with the parameters botSubnets and so on.")}</p></section>`;
}

const BADGES: Partial<Record<BotPhase, string>> = {
  in: " good",
  sick: " urgent",
  cooling: " important",
  out: " important",
};

function running(view: View, state: BotState): Html {
  const { t } = view;
  const names: Record<BotPhase, string> = {
    starting: t("正在连接", "connecting"),
    waiting: t("等待扫码", "waiting for a scan"),
    scanned: t("已扫码，请在手机上确认", "scanned; please confirm on the phone"),
    in: t("已登录", "logged in"),
    cooling: t("发送过于频繁，静默中", "silent after “too often”"),
    sick: t("消息发不出去，正在重连", "messages do not leave; reconnecting"),
    out: t("已退出登录", "logged out"),
    stopped: t("已停止", "stopped"),
  };
  const { phase, account, qr, lastGoodSendAt, lastError, coolUntil, failedStarts } = state;
  const fact = (name: string, value: Html | string | undefined) =>
    value === undefined ? NOTHING : html`<dt>${name}</dt><dd>${value}</dd>`;
  return html`<section class="card" aria-labelledby="state"><h2 id="state">${t("状态", "State")}</h2>
<p role="status"><span class="badge${BADGES[phase] ?? ""}">${names[phase]}</span>${account ? html`<strong>${account}</strong>` : NOTHING}</p>
${qr ? scan(view, qr) : phase === "waiting" ? html`<p class="muted">${t("二维码已过期，正在等新的。", "The QR code has expired; waiting for a new one.")}</p>` : NOTHING}
<dl class="pairs">
${fact(t("状态始于", "Since"), time(state.since, view.language))}
${fact(t("静默至", "Silent until"), coolUntil === undefined ? undefined : time(coolUntil, view.language))}
${fact(t("最近一次成功发送", "Last message that left"), lastGoodSendAt === undefined ? t("还没有", "none yet") : time(lastGoodSendAt, view.language))}
${fact(t("最近一次错误", "Last error"), lastError && html`<span class="code">${lastError.detail}</span><br><small class="muted">${time(lastError.at, view.language)}</small>`)}
${fact(t("连续启动失败", "Starts failed in a row"), failedStarts === 0 ? undefined : String(failedStarts))}
${fact("Puppet", html`<span class="code">${state.puppet}</span>`)}
</dl>
</section>
<section class="card" aria-labelledby="drop"><h2 id="drop">${t("清除登录", "Drop the login")}</h2>
<p>${t("登录失效却不出二维码时使用：机器人退出登录，忘掉保存的会话，重新显示二维码。清除后须重新扫码，期间的推送会等待。", "For a login that went stale and blocks the QR code: the bot logs out, forgets the session it kept and shows a new QR code. Somebody has to scan again; pushes wait meanwhile.")}</p>
<form method="post" action="${view.to("/console/bot/drop-session")}"><button class="quiet">${t("清除登录", "Drop the login")}</button></form></section>`;
}

function scan(view: View, { code, until }: { code: string; until: string }): Html {
  const { t } = view;
  return html`<p>${t("用机器人账号的微信扫一扫，并在手机上确认。", "Scan it with the WeChat of the bot's account and confirm on the phone.")}</p>
${qrCode(code, t("登录二维码", "Login QR code"))}
<p class="small muted">${t("有效至：", "Good until ")}${time(until, view.language)} · ${t("谁扫了它，谁的账号就成为机器人；请不要转发或截图。", "Whoever scans it makes their account the bot: do not forward it or take pictures of it.")}</p>`;
}
