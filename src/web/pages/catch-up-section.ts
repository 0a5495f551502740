import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import { catchUpFields } from "./catch-up.ts";
import { channelName } from "./channel-words.ts";
import { type Html, html, NOTHING } from "./html.ts";
import type { Found, Wanted } from "./ledger-lookup.ts";
import { stayHere } from "./ledger-rows.ts";
import type { View } from "./view.ts";

/** Below whom somebody looked up: to give them what they missed, which is an admin's, for it is of every unit. */
export function catchUpSection(
  view: View,
  now: Date,
  at: { id: string; isAdmin: boolean; wanted: Wanted; found: Found[]; since: string | undefined },
): Html {
  const { t } = view;
  if (at.found.length === 0) return NOTHING;
  const form = ({ endpoint, channel, address }: Found, index: number) => {
    const forWhom = html`${channelName(view, channel as ChannelName)} <span class="code">${address}</span>`;
    return html`<form method="post" action="${view.to(`/console/announcements/${at.id}`)}" class="stacked"><input type="hidden" name="to" value="${endpoint}">${stayHere(at.wanted)}${catchUpFields(view, now, { since: at.since, forWhom, index })}</form>`;
  };
  return html`<section class="card" aria-labelledby="catch-up"><h2 id="catch-up">${t("补发错过的公告", "Send what was missed")}</h2>
${at.isAdmin ? at.found.map(form) : html`<p>${t("这个接收端自某天起错过的公告可以一并补发，请管理员在本页操作；接收人也可在“管理订阅”中自己补发。", "What this endpoint missed since some day can be sent in one go: ask an administrator, who does it on this page. Its owner can do it under “Your subscriptions”.")}</p>`}</section>`;
}
