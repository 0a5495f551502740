import type { Channel, SettingSpec, Window } from "#src/domain/deliveries/channel.ts";
import type { ChannelSetup, SetupChange } from "#src/domain/deliveries/channel-settings.ts";
import { AppError, type InputError } from "#src/errors.ts";
import { rate } from "./channel-words.ts";
import { type ChannelState, shownCanary } from "./channels-page.ts";
import { type Faults, faultSummary, selectField, textField, wrong } from "./form.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { View } from "./view.ts";

export type Filled = { values: URLSearchParams; faults: Faults };

const WINDOWS = 4;
const fieldOf = (setting: string) => `set-${setting}`;
const clearOf = (field: string) => `clear-${field}`;

/** Whether others may see the address whole; if not, it is shown and replaced like a secret. */
const isMasked = (channel: Channel, canary: string) => shownCanary(channel, canary) !== canary;

/** The form's fields as they stand in the store; secrets have no value. */
export function storedValues({ channel, setup }: Pick<ChannelState, "channel" | "setup">): URLSearchParams {
  const values = new URLSearchParams();
  for (const { name, secret } of channel.settings ?? []) {
    const value = setup?.settings[name];
    if (!secret && value !== undefined) values.set(fieldOf(name), value);
  }
  for (const [i, { seconds, count }] of (setup?.windows ?? []).entries()) {
    values.set(`window-${i}-count`, String(count));
    values.set(`window-${i}-seconds`, String(seconds));
  }
  if (setup?.canary !== undefined && !isMasked(channel, setup.canary)) values.set("canary", setup.canary);
  return values;
}

/** What somebody typed, without the secrets among it: no page carries one back. */
export function withoutSecrets(channel: Channel, form: URLSearchParams): URLSearchParams {
  const values = new URLSearchParams(form);
  for (const { name, secret } of channel.settings ?? []) if (secret) values.delete(fieldOf(name));
  return values;
}

export function channelForm(view: View, state: ChannelState, filled: Filled): Html {
  const { t } = view;
  const { channel, setup } = state;
  const settings = channel.settings ?? [];
  return html`${faultSummary(view, filled.faults)}<form method="post" action="${view.to(`/console/channels/${channel.name}`)}" class="stacked">
<input type="hidden" name="version" value="${setup?.version ?? 0}">
${settings.length > 0 ? html`<h3>${t("账号与设置", "Credentials and settings")}</h3>` : html`<p>${t("该渠道无需账号，开箱即用。", "This channel needs no credentials.")}</p>`}
${settings.map((spec) => settingField(view, spec, setup, filled))}
${channel.credential ? windowFields(view, channel, filled) : NOTHING}
${canaryField(view, channel, setup, filled)}
<button>${t("保存", "Save")}</button>
</form>`;
}

function settingField(view: View, spec: SettingSpec, setup: ChannelSetup | undefined, filled: Filled): Html {
  const { t } = view;
  const name = fieldOf(spec.name);
  const label = view.say(spec.label);
  if (spec.choices) return choiceField(view, filled, name, label, spec.choices);
  const rows = spec.lines ? { rows: 4 } : {};
  if (!spec.secret) return textField(view, filled, name, label, { ...rows, max: 8192, ...hintOf(view, spec) });
  const isSet = setup?.settings[spec.name] !== undefined;
  const hint = isSet
    ? t(
        "已设置，不再显示。留空则保持不变，填写则替换。",
        "Set, and not shown again. Leave it empty to keep it; what you enter replaces it.",
      )
    : needed(view, spec, t("未设置。", "Not set."));
  const type = spec.lines ? rows : { type: "password" };
  return html`${textField(view, filled, name, label, { ...type, max: 8192, hint, autocomplete: "off" })}${isSet ? clearBox(view, filled, name, label.split(/[：:]/)[0] ?? label) : NOTHING}`;
}

function choiceField(
  view: View,
  filled: Filled,
  name: string,
  label: string,
  choices: NonNullable<SettingSpec["choices"]>,
): Html {
  const of = choices.map((choice): [string, string] => [choice.value, view.say(choice.label)]);
  const usual = of[0]?.[1] ?? "";
  return selectField(view, filled, name, label, { none: view.t(`默认（${usual}）`, `The usual (${usual})`), of });
}

function hintOf(view: View, spec: SettingSpec): { hint?: string } {
  const hint = needed(view, spec, "");
  return hint === "" ? {} : { hint };
}

function needed(view: View, spec: SettingSpec, before: string): string {
  if (!spec.required) return before;
  return before + view.t("启用该渠道必须填写。", `${before && " "}The channel needs it to work.`);
}

function clearBox(view: View, { values }: Filled, field: string, label: string): Html {
  const name = clearOf(field);
  return html`<p><label class="choice"><input type="checkbox" name="${name}" value="yes"${values.has(name) ? trusted(" checked") : NOTHING}><span>${view.t(`清除“${label}”`, `Clear “${label}”`)}</span></label></p>`;
}

function windowFields(view: View, channel: Channel, filled: Filled): Html {
  const { t } = view;
  const used = [...Array(WINDOWS).keys()].filter((i) => filled.values.get(`window-${i}-count`));
  const rows = [...Array(Math.min(WINDOWS, Math.max(1, used.length + 1))).keys()];
  const own = rate(view, channel.limits.windows ?? []);
  return html`<fieldset id="windows"><legend>${t("限速", "Pace")}</legend>
<p class="hint">${t(`渠道自带：${own}。填写后以此为准；全部留空则用自带的。`, `The channel's own: ${own}. What you enter replaces it; leave all empty for the channel's own.`)}</p>
${rows.map(
  (i) =>
    html`<div class="row">${textField(view, filled, `window-${i}-count`, t("至多条数", "At most"), { inputmode: "numeric", max: 4 })}${textField(view, filled, `window-${i}-seconds`, t("每多少秒", "in so many seconds"), { inputmode: "numeric", max: 5 })}</div>`,
)}${wrong(view, filled, "windows")}</fieldset>`;
}

function canaryField(view: View, channel: Channel, setup: ChannelSetup | undefined, filled: Filled): Html {
  const { t } = view;
  const label = t("测试接收端", "Test endpoint");
  const meaning = t(
    "本单位自己的一个接收地址：收到每一条公告，用来验证渠道畅通、测量快慢。",
    "An address of your own: it gets every announcement, and shows that the channel works and how fast.",
  );
  const canary = setup?.canary;
  const masked = canary !== undefined && isMasked(channel, canary);
  const now = masked
    ? t(
        `现为 ${shownCanary(channel, canary)}。留空则保持不变。`,
        ` Now ${shownCanary(channel, canary)}; leave it empty to keep it.`,
      )
    : "";
  return html`<h3>${label}</h3>${textField(view, filled, "canary", t("接收地址", "Address"), { max: 2048, hint: meaning + now, autocomplete: "off" })}${masked ? clearBox(view, filled, "canary", label) : NOTHING}`;
}

/**
 * What the form asks for. Throws AppError "invalid" with pointers for a pace that is none, and for required settings that are
 * missing beside others: with all of them empty the channel is switched off.
 */
export function changeIn(channel: Channel, setup: ChannelSetup | undefined, form: URLSearchParams): SetupChange {
  const settings: Record<string, string | null> = {};
  for (const spec of channel.settings ?? []) {
    const field = fieldOf(spec.name);
    const value = (form.get(field) ?? "").trim();
    if (value !== "") settings[spec.name] = value;
    else if (!spec.secret || form.has(clearOf(field))) settings[spec.name] = null;
  }
  const { windows, errors: misread } = channel.credential ? windowsIn(form) : { windows: undefined, errors: [] };
  const errors = [...misread, ...missing(channel, { ...setup?.settings, ...settings })];
  if (errors.length > 0)
    throw new AppError("invalid", "INVALID", { zh: "输入有误", en: "the input is not acceptable" }, { errors });
  const typed = (form.get("canary") ?? "").trim();
  const keeps = setup?.canary !== undefined && isMasked(channel, setup.canary) && !form.has(clearOf("canary"));
  return {
    settings,
    ...(windows === undefined ? {} : { windows }),
    ...(typed === "" ? (keeps ? {} : { canary: null }) : { canary: typed }),
  };
}

function missing(channel: Channel, settings: Record<string, string | null>): InputError[] {
  const required = (channel.settings ?? []).filter((spec) => spec.required);
  const absent = required.filter(({ name }) => !settings[name]);
  const isOff = absent.length === required.length && Object.values(settings).every((value) => !value);
  if (isOff) return [];
  return absent.map(({ name }) => ({ pointer: `/settings/${name}`, code: "REQUIRED", detail: REQUIRED }));
}

function windowsIn(form: URLSearchParams): { windows: Window[] | null; errors: InputError[] } {
  const windows: Window[] = [];
  const errors: InputError[] = [];
  for (let i = 0; i < WINDOWS; i++) {
    const [count = "", seconds = ""] = ["count", "seconds"].map((part) =>
      (form.get(`window-${i}-${part}`) ?? "").trim(),
    );
    if (count === "" && seconds === "") continue;
    if (!inRange(count, 1000)) errors.push({ pointer: `/windows/${i}/count`, code: "VALUE", detail: COUNT });
    if (!inRange(seconds, 86_400)) errors.push({ pointer: `/windows/${i}/seconds`, code: "VALUE", detail: SECONDS });
    windows.push({ seconds: Number(seconds), count: Number(count) });
  }
  return { windows: windows.length > 0 ? windows : null, errors };
}

const inRange = (text: string, most: number) => /^[1-9]\d{0,5}$/.test(text) && Number(text) <= most;

const REQUIRED = {
  zh: "启用该渠道必须填写；要停用请全部清空",
  en: "the channel needs it; to switch it off clear everything",
};
const COUNT = { zh: "条数为1至1000的整数", en: "a whole number from 1 to 1000" };
const SECONDS = { zh: "秒数为1至86400的整数", en: "a whole number from 1 to 86400" };

/** Faults under the fields of the form. */
export function channelFaults(channel: Channel, errors: InputError[]): Faults {
  const faults: Faults = {};
  for (const { pointer, code, detail } of errors) {
    const [, part = "", name = "", more = ""] = pointer.split("/");
    const field = part === "settings" ? fieldOf(name) : part === "windows" ? `window-${name}-${more}` : "canary";
    const isFormat = code === "SETTING";
    const isEarly = field === "canary" && code === "CHANNEL_NOT_SET_UP";
    faults[field] ??= isEarly ? SET_UP_AS_WELL : isFormat ? format(channel, name, detail) : detail;
  }
  return faults;
}

const SET_UP_AS_WELL = {
  zh: "填写测试接收端须同时填写账号设置",
  en: "a test endpoint needs the settings above as well",
};

function format(channel: Channel, name: string, detail: InputError["detail"]): InputError["detail"] {
  const label = channel.settings?.find((spec) => spec.name === name)?.label ?? detail;
  return { zh: `格式不正确：${label.zh}`, en: `not in the right form: ${label.en}` };
}

/** Whether the settings are already what the form asks for: its button was pressed twice. */
export function isApplied(setup: ChannelSetup | undefined, change: SetupChange): boolean {
  if (!setup) return false;
  const { settings = {}, windows, canary } = change;
  const same = Object.entries(settings).every(([name, value]) => (setup.settings[name] ?? null) === value);
  const paced = windows === undefined || JSON.stringify(windows) === JSON.stringify(setup.windows ?? null);
  return same && paced && (canary === undefined || canary === (setup.canary ?? null));
}
