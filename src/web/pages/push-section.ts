import { FREQUENCIES } from "#src/domain/subscriptions/subscription.ts";
import { choices } from "./form.ts";
import { type Html, html } from "./html.ts";
import { PUSH_SCRIPT_PATH } from "./push-script.ts";
import type { View } from "./view.ts";

/**
 * The part of `/subscribe` for notifications in this browser; hidden until its script found that the browser can, or that it
 * could from the home screen.
 */
export function pushSection(
  view: View,
  columns: [topic: string, name: string][],
  frequencyName: (frequency: (typeof FREQUENCIES)[number]) => string,
): Html {
  const { t } = view;
  const filled = {
    values: new URLSearchParams({ "browser-topics": "all", "browser-frequency": "now" }),
    faults: {},
  };
  return html`<section class="card article" id="browser-home" aria-labelledby="browser-home-title" hidden>
<h2 id="browser-home-title">${t("在 iPhone 或 iPad 上接收通知", "Notifications on an iPhone or iPad")}</h2>
<p>${t("请在 Safari 浏览器中轻点“分享”，选择“添加到主屏幕”，再从主屏幕打开本站，即可在本页开启通知（需 iOS 16.4 或更高版本）。", "In Safari, tap Share, choose “Add to Home Screen”, then open this site from the home screen and turn notifications on here (iOS 16.4 or later).")}</p>
</section>
<section class="card article" id="browser-push" aria-labelledby="browser-push-title" hidden>
<h2 id="browser-push-title">${t("在本机浏览器接收通知", "Notifications in this browser")}</h2>
<p>${t("无需填写地址。关闭网页后也能收到，可随时在此停用。", "No address needed. They arrive with this page closed, too, and end here at any time.")}</p>
<p role="status" tabindex="-1"
 data-off="${t("尚未开启。", "Not turned on.")}"
 data-asking="${t("正在开启……", "Turning on…")}"
 data-pending="${t("已申请，正在等待第一条确认通知……", "Asked for. Waiting for the first notification, which confirms it…")}"
 data-on="${t("已开启：公告将以通知的形式显示在本机。", "On: announcements are shown on this device.")}"
 data-saved="${t("已保存。", "Saved.")}"
 data-stopped="${t("已停用，本机不再接收通知。", "Turned off. This device gets no more notifications.")}"
 data-denied="${t("浏览器已禁止本站发送通知。请在浏览器的网站设置中允许通知，然后刷新本页。", "This browser blocks notifications of this site. Allow them in the browser's site settings, then reload this page.")}"
 data-dismissed="${t("未获得通知权限，没有开启。", "Without the permission nothing was turned on.")}"
 data-topics="${t("请至少选择一项订阅内容。", "Please choose at least one thing.")}"
 data-many="${t("操作过于频繁，请稍后再试。", "Too many tries; please wait a moment.")}"
 data-failed="${t("没有成功，请检查网络后再试。", "That did not work. Please check the connection and try again.")}"></p>
<form class="stacked">
${choices(view, filled, "browser-topics", t("订阅内容", "What you want"), { kind: "checkbox", of: columns })}
${choices(view, filled, "browser-frequency", t("频率", "How often"), {
  kind: "radio",
  of: FREQUENCIES.map((frequency) => [frequency, frequencyName(frequency)]),
})}
<p class="row"><button type="submit" data-first="${t("开启通知", "Turn on")}" data-again="${t("保存更改", "Save changes")}">${t("开启通知", "Turn on")}</button>
<button type="button" class="quiet" data-stop hidden>${t("停用通知", "Turn off")}</button></p>
</form>
<script src="${PUSH_SCRIPT_PATH}" defer></script>
</section>`;
}
