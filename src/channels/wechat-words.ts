import { type Language, PRODUCT, say } from "#src/text.ts";
import { oneLine } from "./summary.ts";

/** Some clients read markup in what should be text; the full-width signs look the same and do nothing. */
export function unmarked(text: string): string {
  return oneLine(text).replaceAll("<", "＜").replaceAll(">", "＞");
}

/** Asks whether pushes are wanted; carries nothing that the one who asked for them wrote. */
export function confirmation(language: Language): { title: string; text: string; button: string } {
  const product = say(PRODUCT, language);
  return language === "en"
    ? {
        title: `${product}: confirm the subscription`,
        text: "Somebody asked for announcements to be sent here. To agree, open the page within 24 hours and press the button. Otherwise ignore this message; nothing will be sent.",
        button: "Open",
      }
    : {
        title: `${product}：请确认订阅`,
        text: "有人申请把公告推送到这里。同意请在24小时内打开页面并点击确认；不同意请忽略，不会收到推送。",
        button: "打开",
      };
}

/** The page that the confirmation leads to (`Links.confirm`). */
export function confirmLink(baseUrl: string, subscriptionId: string, challenge: string): string {
  return `${baseUrl}/confirm?${new URLSearchParams({ s: subscriptionId, c: challenge })}`;
}
