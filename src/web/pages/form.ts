import { AppError, type InputError } from "#src/errors.ts";
import type { Text } from "#src/text.ts";
import { checkBodyHeaders, isStorable, readText } from "#src/web/body.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { View } from "./view.ts";

/** What is wrong with a field, by its name in the form. */
export type Faults = Record<string, Text>;

type Filled = { values: URLSearchParams; faults: Faults };

const FORM = "application/x-www-form-urlencoded";
const FORM_BYTES = 64 * 1024;
const CONTROL = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

/** A form as a browser posts it, line breaks as LF. Throws AppError "media-type", "too-large" or "malformed". */
export async function readForm(request: Request): Promise<URLSearchParams> {
  checkBodyHeaders(request, [FORM], FORM_BYTES);
  const form = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(await readText(request, FORM_BYTES))) {
    if (!isStorable(value) || CONTROL.test(value)) throw notText();
    form.append(name, value.replace(/\r\n?/g, "\n"));
  }
  return form;
}

function notText(): AppError {
  return new AppError("malformed", "CHARACTER", {
    zh: "内容含有无法保存的字符，请删除后再提交",
    en: "the text holds characters that cannot be kept; please remove them",
  });
}

/** Input errors as faults, each under the field of the form that its pointer stands for. */
export function faultsOf(errors: InputError[], fieldOf: (path: string) => string): Faults {
  const faults: Faults = {};
  for (const error of errors) faults[fieldOf(error.pointer.slice(1))] ??= error.detail;
  return faults;
}

type Options = {
  hint?: string;
  required?: boolean;
  type?: string;
  max?: number;
  rows?: number;
  autocomplete?: string;
  inputmode?: "numeric";
  /** The first and the last day of a date field. */
  between?: [string, string];
  /** The name under which it is posted, where several forms of a page have such a field. */
  posted?: string;
};

/** A labelled text field with its hint and its fault, tied together for screen readers. */
export function textField(view: View, filled: Filled, name: string, label: string, options: Options = {}): Html {
  const fault = filled.faults[name];
  const value = filled.values.get(name) ?? "";
  const described = [options.hint && `${name}-hint`, fault && `${name}-wrong`].filter(Boolean).join(" ");
  const attributes = html`id="${name}" name="${options.posted ?? name}"${described ? html` aria-describedby="${described}"` : NOTHING}${
    fault ? trusted(' aria-invalid="true"') : NOTHING
  }${options.required ? trusted(" required") : NOTHING}${options.max ? html` maxlength="${options.max}"` : NOTHING}${
    options.autocomplete ? html` autocomplete="${options.autocomplete}"` : NOTHING
  }${options.inputmode ? html` inputmode="${options.inputmode}"` : NOTHING}${
    options.between ? html` min="${options.between[0]}" max="${options.between[1]}"` : NOTHING
  }`;
  return html`<div class="field"><label for="${name}">${label}${required(view, options.required)}</label>${
    options.hint ? html`<p class="hint" id="${name}-hint">${options.hint}</p>` : NOTHING
  }${
    options.rows
      ? html`<textarea ${attributes} rows="${options.rows}">${value ? `\n${value}` : ""}</textarea>`
      : html`<input type="${options.type ?? "text"}" ${attributes} value="${value}">`
  }${wrong(view, filled, name)}</div>`;
}

/** One of a few values, or none: what that means stands first. */
export function selectField(
  view: View,
  filled: Filled,
  name: string,
  label: string,
  { none, of }: { none: string; of: [value: string, label: string][] },
): Html {
  const fault = filled.faults[name];
  const chosen = filled.values.get(name) ?? "";
  const options: [string, string][] = [["", none], ...of];
  return html`<div class="field"><label for="${name}">${label}</label><select id="${name}" name="${name}"${
    fault ? html` aria-describedby="${name}-wrong" aria-invalid="true"` : NOTHING
  }>${options.map(
    ([value, words]) =>
      html`<option value="${value}"${value === chosen ? trusted(" selected") : NOTHING}>${words}</option>`,
  )}</select>${wrong(view, filled, name)}</div>`;
}

export function wrong(view: View, filled: Filled, name: string): Html {
  const fault = filled.faults[name];
  return fault ? html`<p class="wrong" id="${name}-wrong">${view.say(fault)}</p>` : NOTHING;
}

export function required(view: View, isRequired: boolean | undefined): Html {
  return isRequired ? html`<span class="need">${view.t("（必填）", "(needed)")}</span>` : NOTHING;
}

/** One of several, or several of many. */
export function choices(
  view: View,
  filled: Filled,
  name: string,
  legend: string,
  options: {
    kind: "radio" | "checkbox";
    of: [value: string, label: string | Html][];
    required?: boolean;
    hint?: string;
  },
): Html {
  const chosen = filled.values.getAll(name);
  const fault = filled.faults[name];
  return html`<fieldset id="${name}"${fault ? html` aria-describedby="${name}-wrong"` : NOTHING}><legend>${legend}${required(view, options.required)}</legend>${
    options.hint ? html`<p class="hint">${options.hint}</p>` : NOTHING
  }<div class="choices${options.of.length === 1 ? " one" : ""}">${options.of.map(
    ([value, label]) =>
      html`<label class="choice"><input type="${options.kind}" name="${name}" value="${value}"${chosen.includes(value) ? trusted(" checked") : NOTHING}${
        options.kind === "radio" && options.required ? trusted(" required") : NOTHING
      }><span>${label}</span></label>`,
  )}</div>${wrong(view, filled, name)}</fieldset>`;
}

/** What is wrong, on top of the form, with links to the fields. */
export function faultSummary(view: View, faults: Faults): Html {
  const entries = Object.entries(faults);
  if (entries.length === 0) return NOTHING;
  return html`<div class="notice red" role="alert"><p class="title">${view.t(`有${entries.length}处需要修改`, `${entries.length} thing(s) to put right`)}</p><ul>${entries.map(
    ([name, fault]) => html`<li><a href="#${name}">${view.say(fault)}</a></li>`,
  )}</ul></div>`;
}
