/** What XML 1.0 has no character for: controls, unpaired surrogates, U+FFFE and U+FFFF. */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** Text for an element or an attribute; a line break in an attribute, and a carriage return anywhere, stays what it was. */
export function xml(text: string): string {
  return text
    .replace(NOT_XML, "\ufffd")
    .replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c)
    .replaceAll("\r", "&#13;");
}

/** `<name a="b">text</name>`, everything escaped. */
export function element(name: string, text: string, attributes: Record<string, string> = {}): string {
  return `<${name}${listed(attributes)}>${xml(text)}</${name}>`;
}

export function empty(name: string, attributes: Record<string, string>): string {
  return `<${name}${listed(attributes)}/>`;
}

function listed(attributes: Record<string, string>): string {
  return Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${xml(value)}"`)
    .join("");
}

export const DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n';
