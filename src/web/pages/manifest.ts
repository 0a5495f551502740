import { ICON_PNG_PATH } from "./icon.ts";
import { markPath } from "./mark-png.ts";
import { ICON_PATH } from "./style.ts";
import { inLanguage, type View } from "./view.ts";

export const MANIFEST_PATH = "/manifest.webmanifest";

/**
 * The web app manifest (W3C Application Manifest), by which the site can be added to a home screen: iPhones and iPads give
 * notifications to nothing else, and only with `display` standalone or fullscreen (WebKit, "Web Push for Web Apps on iOS").
 */
export function manifest(view: View): string {
  const { language, site, t } = view;
  const name = view.say(site.name);
  return JSON.stringify({
    id: "/",
    name,
    short_name: name,
    description: t("公告与事项", "Announcements and cases"),
    lang: language,
    dir: "ltr",
    start_url: inLanguage("/", language),
    scope: "/",
    display: "standalone",
    background_color: "#ffffff",
    theme_color: "#b01119",
    icons: [
      { src: ICON_PATH, type: "image/svg+xml", sizes: "any" },
      { src: ICON_PNG_PATH, type: "image/png", sizes: "192x192" },
      { src: markPath(512), type: "image/png", sizes: "512x512", purpose: "any" },
      { src: markPath(512), type: "image/png", sizes: "512x512", purpose: "maskable" },
    ],
    shortcuts: [
      { name: t("订阅推送", "Subscribe"), url: inLanguage("/subscribe", language) },
      { name: t("反映问题", "Send in a case"), url: inLanguage("/report", language) },
    ],
  });
}
