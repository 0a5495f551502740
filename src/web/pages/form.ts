import { AppError, readFault } from "#src/errors.ts";
import type { Text } from "#src/text.ts";
import { type Html, html, NOTHING, trusted } from "./html.ts";
import type { View } from "./view.ts";

/** What is wrong with a field, by its name in the form. */
export type Faults = Record<string, Text>;

type Filled = { values: URLSearchParams; faults: Faults };

const NOT_TEXT = /[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/** Reads a form posted by a browser. Throws AppError "media-type", "too-large" or "malformed". */
export async function readForm(request: Request, maxBytes = 64 * 1024): Promise<URLSearchParams> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type))
    throw new AppError("media-type", "MEDIA_TYPE", { zh: "请用网页表单提交", en: "please use the form of the page" });
  const text = await boundedText(request, maxBytes);
  const form = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(text)) {
    const plain = value.replace(/\r\n?/g, "\n");
    if (NOT_TEXT.test(plain))
      throw new AppError("malformed", "TEXT", {
        zh: "内容含有无法显示的字符，请删除后再提交",
        en: "the text holds characters that cannot be shown; please remove them",
      });
    form.append(name, plain);
  }
  return form;
}

async function boundedText(request: Request, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new AppError("too-large", "TOO_LARGE", { zh: "提交的内容太长", en: "that is too long" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** The issues of a zod check as faults, under the name of the field that each path stands for. */
export function faultsOf(
  issues: readonly { path: PropertyKey[]; message: string }[],
  fieldOf: (path: string) => string = (path) => path,
): Faults {
  const faults: Faults = {};
  for (const issue of issues) {
    const field = fieldOf(issue.path.map(String).join("."));
    faults[field] ??= readFault(issue.message)?.detail ?? { zh: "请检查此项", en: "please check this" };
  }
  return faults;
}

type Options = { hint?: string; required?: boolean; type?: string; max?: number; rows?: number; autocomplete?: string };

/** A labelled text field with its hint and its fault, tied together for screen readers. */
export function textField(view: View, filled: Filled, name: string, label: string, options: Options = {}): Html {
  const fault = filled.faults[name];
  const value = filled.values.get(name) ?? "";
  const described = [options.hint && `${name}-hint`, fault && `${name}-wrong`].filter(Boolean).join(" ");
  const attributes = html`id="${name}" name="${name}"${described ? html` aria-describedby="${described}"` : NOTHING}${
    fault ? trusted(' aria-invalid="true"') : NOTHING
  }${options.required ? trusted(" required") : NOTHING}${options.max ? html` maxlength="${options.max}"` : NOTHING}${
    options.autocomplete ? html` autocomplete="${options.autocomplete}"` : NOTHING
  }`;
  return html`<div class="field"><label for="${name}">${label}${required(view, options.required)}</label>${
    options.hint ? html`<p class="hint" id="${name}-hint">${options.hint}</p>` : NOTHING
  }${
    options.rows
      ? html`<textarea ${attributes} rows="${options.rows}">${value ? `\n${value}` : ""}</textarea>`
      : html`<input type="${options.type ?? "text"}" ${attributes} value="${value}">`
  }${wrong(view, filled, name)}</div>`;
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
