import type { QuietHours } from "#src/domain/subscriptions/subscription.ts";
import { type Faults, textField, wrong } from "./form.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { View } from "./view.ts";

const HOME = "Asia/Shanghai";

/** Where readers of a county usually are; every other zone can be typed in. */
const ZONES: [zone: string, zh: string, en: string][] = [
  [HOME, "北京时间", "Beijing time"],
  ["Asia/Urumqi", "新疆时间", "Xinjiang time"],
  ["Asia/Hong_Kong", "香港", "Hong Kong"],
  ["Asia/Tokyo", "东京", "Tokyo"],
  ["Asia/Singapore", "新加坡", "Singapore"],
  ["Asia/Dubai", "迪拜", "Dubai"],
  ["Europe/Berlin", "柏林、巴黎", "Berlin, Paris"],
  ["Europe/London", "伦敦", "London"],
  ["America/New_York", "纽约", "New York"],
  ["America/Los_Angeles", "洛杉矶", "Los Angeles"],
  ["Australia/Sydney", "悉尼", "Sydney"],
];

/** From, to and the clocks they are meant by. */
export function quietFields(view: View, filled: { values: URLSearchParams; faults: Faults }): Html {
  const { t } = view;
  const zone = filled.values.get("zone") || HOME;
  const other = filled.values.get("zoneName") ?? "";
  return html`<fieldset id="quiet"><legend>${t("免打扰时段", "Quiet hours")}</legend>
<p class="hint">${t("其间不打扰，过后补发；紧急预警除外。两格都空则不设。", "Nothing is sent in between; it comes afterwards. Urgent alerts break through. Leave both empty for none.")}</p>
<div class="row">${textField(view, filled, "from", t("开始", "From"), { type: "time" })}${textField(view, filled, "to", t("结束", "To"), { type: "time" })}</div>
<details${other === "" && zone === HOME && !filled.faults["zoneName"] ? NOTHING : trusted(" open")}><summary>${t("不在北京时间区？", "Not on Beijing time?")}</summary>
<div class="field"><label for="zone">${t("按哪里的时间", "By the clocks of")}</label><select id="zone" name="zone">${ZONES.map(([name, zh, en]) => html`<option value="${name}"${name === zone ? trusted(" selected") : NOTHING}>${t(zh, en)}</option>`)}</select></div>
${textField(view, filled, "zoneName", t("其他时区（IANA 名称）", "Another time zone (IANA name)"), { max: 64, autocomplete: "off", hint: t("例如 Europe/Madrid；填写后以此为准。", "For example Europe/Madrid; it counts instead of the choice above.") })}</details>${wrong(view, filled, "quiet")}</fieldset>`;
}

/** What these fields ask for; undefined for no quiet hours. */
export function quietIn(form: URLSearchParams): Record<string, string> | undefined {
  const [from, to] = [form.get("from") ?? "", form.get("to") ?? ""];
  if (from === "" && to === "") return undefined;
  const timeZone = form.get("zoneName")?.trim() || form.get("zone") || HOME;
  return { from, to, ...(timeZone === HOME ? {} : { timeZone }) };
}

export function quietValues(quiet: QuietHours | undefined): Record<string, string> {
  const zone = quiet?.timeZone ?? HOME;
  const listed = ZONES.some(([name]) => name === zone);
  return { from: quiet?.from ?? "", to: quiet?.to ?? "", ...(listed ? { zone } : { zoneName: zone }) };
}

/** The field that a pointer such as `quietHours/timeZone` stands for; undefined for others. */
export function quietField(path: string): string | undefined {
  if (!path.startsWith("quietHours")) return undefined;
  if (path === "quietHours/timeZone") return "zoneName";
  return path === "quietHours/to" ? "to" : "from";
}

export function quietText(view: View, { from, to, timeZone }: QuietHours): string {
  const zone = timeZone ?? HOME;
  const known = ZONES.find(([name]) => name === zone);
  const clocks = known ? view.t(known[1], known[2]) : zone;
  return view.t(`${from}–${to}（${clocks}）`, `${from}–${to} (${clocks})`);
}
