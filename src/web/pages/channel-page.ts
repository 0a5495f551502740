import { moveCanary } from "#src/domain/deliveries/canary.ts";
import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import { changeSetup, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { sendTest } from "#src/domain/deliveries/send-test.ts";
import { AppError } from "#src/errors.ts";
import { checkOrigin } from "#src/web/auth.ts";
import { adminOf } from "./access.ts";
import {
  changeIn,
  channelFaults,
  channelForm,
  type Filled,
  isApplied,
  storedValues,
  withoutSecrets,
} from "./channel-form.ts";
import { channelName, largest, promise, quotaWords } from "./channel-words.ts";
import {
  type ChannelState,
  type ChannelsDeps,
  channelState,
  pauseLine,
  quotasOf,
  rateOf,
  shownCanary,
  stateBadge,
} from "./channels-page.ts";
import { type Html, html, NOTHING } from "./html.ts";
import { noSuchPage } from "./listing.ts";
import type { Page } from "./page.ts";
import type { View } from "./view.ts";

/** For admins: one channel, what it promises, and the form that sets it up. */
export async function channelPage(
  deps: ChannelsDeps,
  view: View,
  at: { name: string; query: URLSearchParams; request: Request },
): Promise<Page> {
  await adminOf(deps, at.request);
  const state = await channelState(deps, named(deps, at.name));
  return page(
    view,
    state,
    { values: storedValues(state), faults: {} },
    at.query.get("done") === "saved" ? saved(view) : NOTHING,
  );
}

/** Saves what the form says; leads back to the page, so that loading it anew posts nothing. */
export async function setUpChannel(
  deps: ChannelsDeps,
  view: View,
  at: { name: string; form: URLSearchParams; request: Request },
): Promise<Page | Response> {
  checkOrigin(at.request, deps.config);
  const caller = await adminOf(deps, at.request);
  const channel = named(deps, at.name);
  const before = await readSetup(deps.table, channel.name);
  try {
    const change = changeIn(channel, before, at.form);
    if (isApplied(before, change)) return back(view, channel.name);
    const setup = await changeSetup(deps, channel, change, Number(at.form.get("version") || Number.NaN));
    await deps.settings(channel.name, 0);
    await moveCanary(deps, channel, { from: before?.canary, to: setup.canary, by: caller.id });
    deps.log.info("channel-set-up", { by: caller.id, channel: channel.name, version: setup.version });
    return back(view, channel.name);
  } catch (error) {
    if (!(error instanceof AppError) || !["invalid", "stale"].includes(error.kind)) throw error;
    const state = await channelState(deps, channel);
    if (error.kind === "stale")
      return { ...page(view, state, { values: storedValues(state), faults: {} }, overtaken(view)), status: 412 };
    const faults = channelFaults(channel, error.errors);
    return { ...page(view, state, { values: withoutSecrets(channel, at.form), faults }), status: 422 };
  }
}

/** Pushes a test to the canary and leads to its ledger. */
export async function testChannel(deps: ChannelsDeps, view: View, name: string, request: Request): Promise<Response> {
  checkOrigin(request, deps.config);
  const caller = await adminOf(deps, request);
  const channel = named(deps, name);
  const canary = (await readSetup(deps.table, channel.name))?.canary;
  if (canary === undefined)
    throw new AppError("conflict", "CANARY_MISSING", {
      zh: "还没有测试接收端，请先填写并保存",
      en: "there is no test endpoint yet; enter one and save",
    });
  const { id } = await sendTest(deps, channel.name, canary);
  deps.log.info("acted", { route: "console channel test", actor: caller.id, channel: channel.name, id });
  return seeOther(view.to(`/console/announcements/${id}`));
}

function named(deps: ChannelsDeps, name: string): Channel {
  const channel = Object.hasOwn(deps.channels, name) ? deps.channels[name as ChannelName] : undefined;
  if (!channel) throw noSuchPage();
  return channel;
}

const back = (view: View, name: string) => seeOther(view.to(`/console/channels/${name}?done=saved`));

function seeOther(location: string): Response {
  return new Response(null, { status: 303, headers: { location, "cache-control": "no-store" } });
}

function saved(view: View): Html {
  return html`<div class="notice green" role="status"><p class="title">${view.t("已保存", "Saved")}</p><p>${view.t("最迟10秒后在各处生效。", "It counts everywhere within 10 seconds at the latest.")}</p></div>`;
}

function overtaken(view: View): Html {
  return html`<div class="notice red" role="alert"><p class="title">${view.t("没有保存：设置刚被他人改过", "Not saved: somebody else has just changed this")}</p><p>${view.t("下面是最新的设置，请在此基础上重新填写。", "Below is how it stands now. Please make your change again.")}</p></div>`;
}

function page(view: View, state: ChannelState, filled: Filled, news: Html = NOTHING): Page {
  const { t } = view;
  const { channel } = state;
  const title = channelName(view, channel.name);
  const quotas = quotaWords(view, quotasOf(state));
  return {
    head: { title, hidden: true },
    personal: true,
    main: html`<div class="head"><h1>${title}</h1><a href="${view.to("/console/channels")}">${t("返回推送渠道", "Back to the channels")}</a></div>
${news}
<section class="card" aria-labelledby="state"><h2 id="state">${t("状态", "State")}</h2>
<p>${stateBadge(view, state)}${lacking(view, state)}</p>${pauseLine(view, state)}
<dl class="pairs"><dt>${t("保证", "Promise")}</dt><dd>${promise(view, channel.guarantee)}</dd>
<dt>${t("速率", "Rate")}</dt><dd>${rateOf(view, state)}</dd>
${quotas ? html`<dt>${t("配额", "Quota")}</dt><dd>${quotas}</dd>` : NOTHING}
<dt>${t("单条上限", "Largest message")}</dt><dd>${largest(view, channel)}</dd></dl></section>
${test(view, state)}
<section class="card" aria-labelledby="setup"><h2 id="setup">${t("设置", "Settings")}</h2>${channelForm(view, state, filled)}</section>`,
  };
}

function lacking(view: View, { channel, ready, setup }: ChannelState): Html {
  const { t } = view;
  if (ready) return NOTHING;
  if (channel.name === "wechaty")
    return html`<a href="${view.to("/console/bot")}">${t("到“聊天机器人”页扫码登录", "Log the bot in on its page")}</a>`;
  const absent = (channel.settings ?? []).filter(({ name, required }) => required && !setup?.settings[name]);
  const names = absent.map(({ label }) => view.say(label)).join(t("、", ", "));
  if (names !== "") return html`${t(`还缺：${names}`, `Still missing: ${names}`)}`;
  return html`${t("还缺发信方式：SMTP 服务器或 Amazon SES 区域，二者之一。", "Still missing: an SMTP server or a region of Amazon SES.")}`;
}

function test(view: View, { channel, setup }: ChannelState): Html {
  const { t } = view;
  const canary = setup?.canary;
  const inside =
    canary === undefined
      ? html`<p class="muted">${t("先在下面填写测试接收端并保存，再发测试。", "Enter a test endpoint below and save it first.")}</p>`
      : html`<p>${t("按下按钮后，一条测试消息和公告走同样的路发给", "The button sends a test the way announcements go, to ")}<span class="code">${shownCanary(channel, canary)}</span>${t("，随后打开它的推送台账看结果。一分钟内重复按只发一条。", ", and opens its ledger. Pressed again within a minute it sends no second one.")}</p>
<form method="post" action="${view.to(`/console/channels/${channel.name}/test`)}"><button class="quiet">${t("发一条测试", "Send a test")}</button></form>`;
  return html`<section class="card" aria-labelledby="test"><h2 id="test">${t("测试", "Test")}</h2>${inside}</section>`;
}
