import { markdown } from "./render.ts";

type Token = ReturnType<typeof markdown.parse>[number];

/**
 * A Markdown text for readers without markup: blocks apart, lists with their signs, the cells of a row on one line, each link
 * followed by its address. `base` comes before what is relative to this site.
 */
export function readableText(body: string, base: string): string {
  const lines: string[] = [];
  const lists: { next: number | undefined }[] = [];
  let sign = "";
  let cells: string[] | undefined;
  const block = (text: string) => {
    const indent = " ".repeat(sign.length);
    lines.push(sign + text.replaceAll("\n", `\n${indent}`));
    if (lists.length === 0) lines.push("");
    sign = "";
  };
  for (const token of markdown.parse(body, {})) {
    if (token.type === "ordered_list_open") lists.push({ next: Number(token.attrGet("start") ?? 1) });
    else if (token.type === "bullet_list_open") lists.push({ next: undefined });
    else if (token.type === "list_item_open") sign = signOf(lists);
    else if (token.type.endsWith("_list_close") && lists.pop() && lists.length === 0) lines.push("");
    else if (token.type === "tr_open") cells = [];
    else if (token.type === "tr_close") {
      lines.push((cells ?? []).join(" | "));
      cells = undefined;
    } else if (token.type === "table_close") lines.push("");
    else if (token.type === "hr") block("----------");
    else if (token.type === "fence" || token.type === "code_block") block(token.content.trimEnd());
    else if (token.type === "inline" && cells) cells.push(inline(token.children ?? [], base));
    else if (token.type === "inline") block(inline(token.children ?? [], base));
  }
  return lines
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

function signOf(lists: { next: number | undefined }[]): string {
  const list = lists.at(-1);
  const indent = "  ".repeat(Math.max(0, lists.length - 1));
  return list?.next === undefined ? `${indent}- ` : `${indent}${list.next++}. `;
}

function inline(tokens: Token[], base: string): string {
  const open: { url: string; from: number }[] = [];
  let text = "";
  for (const token of tokens) {
    if (token.type === "softbreak" || token.type === "hardbreak") text += "\n";
    else if (token.type === "link_open") open.push({ url: String(token.attrGet("href") ?? ""), from: text.length });
    else if (token.type === "link_close") {
      const { url = "", from = 0 } = open.pop() ?? {};
      const address = absolute(url, base);
      const shown = text.slice(from).trim();
      if (shown !== url && shown !== address && `mailto:${shown}` !== url) text += ` <${address}>`;
    } else text += token.content;
  }
  return text;
}

/** An address of this site's own pages as others reach it; every other one as it is. */
export function absolute(url: string, base: string): string {
  return URL.canParse(url, `${base}/`) ? new URL(url, `${base}/`).href : url;
}
