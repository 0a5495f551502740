import { Hono } from "hono";
import { html, raw } from "hono/html";
import { type Language, PRODUCT, preferredLanguage, say, type Text } from "#src/text.ts";
import { conditional } from "#src/web/conditional.ts";
import type { Document, Operation } from "./document.ts";

type Html = ReturnType<typeof html>;
type Json = Record<string, unknown>;

const CSS = `:root{color-scheme:light dark;--line:#d5d9e0;--soft:#f5f6f8;--muted:#535c68;--red:#b01119;--link:#0f4c8a}
@media(prefers-color-scheme:dark){:root{--line:#3a414c;--soft:#1f242b;--muted:#aeb6c1;--red:#ff9a92;--link:#93bfff}}
*{box-sizing:border-box}body{margin:0 auto;max-width:64rem;padding:1.5rem clamp(.9rem,3vw,2rem);line-height:1.6;
font-family:"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",system-ui,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}h1,h2{line-height:1.3}h2{border-bottom:2px solid var(--red);padding-bottom:.2rem;margin-top:2.5rem}
code{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em}.muted{color:var(--muted)}
details{border:1px solid var(--line);border-radius:.4rem;margin:.5rem 0;padding:.2rem .8rem}
summary{cursor:pointer;padding:.4rem 0}summary b{display:inline-block;min-width:4.2rem;color:var(--red)}
table{border-collapse:collapse;width:100%;margin:.4rem 0 1rem}td,th{text-align:left;vertical-align:top;padding:.25rem .8rem .25rem 0;
border-bottom:1px solid var(--line)}td:first-child,td:nth-child(3){overflow-wrap:normal}
@media(max-width:40rem){td{display:inline}td:last-child{display:block;padding-inline-start:1rem}tr{display:block;padding:.3rem 0;
border-bottom:1px solid var(--line)}td,th{border:0}}:focus-visible{outline:3px solid var(--link);outline-offset:2px}
ul{padding-inline-start:1.2rem}nav a{display:inline-block;padding:.3rem .9rem .3rem 0}`;

const STYLE_PATH = "/docs/style.css";

/** `/openapi.json`, and the same as a page to read, in both languages and without script. */
export function apiDocs(document: () => Promise<Document>): Hono {
  const pages = new Map<Language, string>();
  let json: string | undefined;
  const pageIn = async (language: Language): Promise<string> => {
    const page = pages.get(language) ?? String(pageOf(await document(), language));
    pages.set(language, page);
    return page;
  };
  return new Hono()
    .get("/openapi.json", async (c) => {
      json ??= JSON.stringify(await document());
      return conditional(c.req.raw, { body: json, contentType: "application/json; charset=utf-8" });
    })
    .get(STYLE_PATH, (c) => conditional(c.req.raw, { body: CSS, contentType: "text/css; charset=utf-8" }))
    .get("/docs", async (c) => {
      const asked = c.req.query("lang");
      const language = asked === "en" || asked === "zh-CN" ? asked : preferredLanguage(c.req.header("accept-language"));
      return conditional(c.req.raw, {
        body: await pageIn(language),
        contentType: "text/html; charset=utf-8",
        headers: { "content-language": language, vary: "Accept-Language" },
      });
    });
}

const WORDS = {
  title: { zh: "接口说明", en: "The API" },
  lead: {
    zh: "所有接口都在 /api/v1 之下，收发 JSON，时间为 RFC 3339 UTC。出错时返回 application/problem+json（RFC 9457），code 不会改变。",
    en: "Every call lives under /api/v1 and speaks JSON; times are RFC 3339 in UTC. Errors are application/problem+json (RFC 9457) whose code never changes.",
  },
  machine: { zh: "机器可读的 OpenAPI 3.1 文档", en: "The OpenAPI 3.1 document, for machines" },
  anyone: { zh: "任何人", en: "anyone" },
  bearer: { zh: "持有密钥者", en: "holder of the secret" },
  parameters: { zh: "参数", en: "Parameters" },
  body: { zh: "请求内容", en: "Body" },
  answers: { zh: "返回", en: "Answers" },
  required: { zh: "必填", en: "required" },
  other: { zh: "English", en: "中文" },
} satisfies Record<string, Text>;

/** What the document says of a status in English, in Chinese. */
const STATUS_ZH: Record<string, string> = {
  "200": "完成",
  "201": "已新建",
  "202": "已受理，后续自动进行",
  "204": "完成，没有内容",
  "400": "内容无法读取",
  "401": "没有令牌，或令牌无效",
  "403": "没有权限",
  "404": "不存在，或对当前身份不可见",
  "409": "与当前状态冲突",
  "412": "If-Match 与当前版本不符",
  "413": "请求内容过长",
  "415": "Content-Type 不是此接口所接受的",
  "422": "能够读取但不可接受，errors 列出每一处错误",
  "428": "缺少 If-Match",
  "429": "请求过多，见 Retry-After",
  "500": "服务故障",
  "503": "暂不可用，见 Retry-After",
};

function pageOf(document: Document, language: Language): Html {
  const word = (name: keyof typeof WORDS) => say(WORDS[name], language);
  const calls = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const title = `${word("title")} · ${say(PRODUCT, language)}`;
  return html`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><link rel="stylesheet" href="${STYLE_PATH}"></head><body>
<header><h1>${title}</h1><p>${word("lead")}</p>
<p><a href="/openapi.json">${word("machine")}</a> · <a href="/docs?lang=${language === "en" ? "zh-CN" : "en"}">${word("other")}</a></p></header>
<nav aria-label="${word("title")}">${document.tags.map((tag) => html`<a href="#${anchor(tag.name)}">${heading(tag, language)}</a>`)}</nav>
<main>${document.tags.map(
    (tag) => html`<section><h2 id="${anchor(tag.name)}">${heading(tag, language)}</h2>
${language === "en" ? html`<p class="muted">${tag.description}</p>` : raw("")}
${calls.filter(({ operation }) => operation.tags[0] === tag.name).map((call) => callOf(document, call, language))}</section>`,
  )}</main></body></html>`;
}

type Tag = Document["tags"][number];

function heading(tag: Tag, language: Language): string {
  return language === "en" ? tag.name : tag["x-name-zh"];
}

function anchor(tag: string): string {
  return tag.replaceAll(" ", "-");
}

type ListedCall = { path: string; method: string; operation: Operation };

function callOf(document: Document, { path, method, operation }: ListedCall, language: Language): Html {
  const word = (name: keyof typeof WORDS) => say(WORDS[name], language);
  const roles = operation["x-roles"];
  const open = operation.security.some((one) => Object.keys(one).length === 0);
  const who = roles ? roles.join(", ") : open ? word("anyone") : word("bearer");
  const parameters = operation.parameters.map((parameter) => resolved(document, parameter));
  const content = (operation.requestBody?.["content"] ?? {}) as Record<string, { schema: Json }>;
  return html`<details id="${operation.operationId}"><summary><b>${method.toUpperCase()}</b> <code>${path}</code><br>
${language === "en" ? operation.summary : operation["x-summary-zh"]} <span class="muted">(${who})</span></summary>
${parameters.length > 0 ? html`<h3>${word("parameters")}</h3><table>${parameters.map((one) => row(String(one["name"]), String(one["in"]), one["required"] === true ? word("required") : "", one["schema"] as Json))}</table>` : raw("")}
${Object.entries(content).map(([type, { schema }]) => html`<h3>${word("body")} <code>${type}</code></h3>${fields(document, schema, word("required"))}`)}
<h3>${word("answers")}</h3><ul>${Object.entries(operation.responses).map(
    ([status, answer]) =>
      html`<li><code>${status}</code> ${(language === "en" ? undefined : STATUS_ZH[status]) ?? String(resolved(document, answer)["description"])}</li>`,
  )}</ul></details>`;
}

function fields(document: Document, schema: Json, required: string): Html {
  const rows = rowsOf(document, schema, required, "", 0);
  return rows.length === 0
    ? html`<p><code>${typeOf(resolved(document, schema))}</code></p>`
    : html`<table>${rows}</table>`;
}

const LEVELS = 3;

/** The fields of an object, and those of the objects in it under dotted names; `[]` stands for each entry of a list. */
function rowsOf(document: Document, schema: Json, required: string, prefix: string, level: number): Html[] {
  const whole = resolved(document, schema);
  const needed = new Set((whole["required"] ?? []) as string[]);
  return Object.entries((whole["properties"] ?? {}) as Record<string, Json>).flatMap(([name, one]) => {
    const own = row(prefix + name, typeOf(one), needed.has(name) ? required : "", one);
    if (level === LEVELS) return [own];
    const inner = resolved(document, one);
    const [held, mark] = inner["type"] === "array" ? [(inner["items"] ?? {}) as Json, "[]."] : [inner, "."];
    return [own, ...rowsOf(document, held, required, prefix + name + mark, level + 1)];
  });
}

function row(name: string, type: string, required: string, schema: Json): Html {
  return html`<tr><td><code>${name}</code></td><td>${type}</td><td>${required}</td><td class="muted">${bounds(schema)}</td></tr>`;
}

function typeOf(schema: Json): string {
  const reference = schema["$ref"];
  if (typeof reference === "string") return reference.split("/").at(-1) ?? "";
  const options = (schema["anyOf"] ?? schema["oneOf"]) as Json[] | undefined;
  if (options) return options.map(typeOf).join(" | ");
  if (schema["type"] === "array") return `${typeOf((schema["items"] ?? {}) as Json)}[]`;
  return String(schema["type"] ?? (schema["const"] === undefined ? "any" : JSON.stringify(schema["const"])));
}

function bounds(schema: Json): string {
  const shown = ["enum", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "pattern", "default"];
  return shown
    .filter((name) => schema[name] !== undefined)
    .map((name) => (name === "enum" ? (schema[name] as unknown[]).join(" | ") : `${name} ${String(schema[name])}`))
    .join(", ");
}

function resolved(document: Document, part: Json): Json {
  const reference = part["$ref"];
  if (typeof reference !== "string") return part;
  let found: unknown = document;
  for (const step of reference.slice(2).split("/")) found = (found as Json)[step];
  return found as Json;
}
