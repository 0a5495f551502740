/** Elements by name: text, or further elements. Where a name repeats below the root the first one counts. */
export type Fields = { readonly [name: string]: string | Fields | undefined };

const DEPTH = 5;
const ELEMENTS = 300;
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };
const TOKEN =
  /<!\[CDATA\[([\s\S]*?)\]\]>|<(\/?)([A-Za-z][A-Za-z0-9_]{0,63})\s*(\/?)>|((?:[^<&\]]|\](?!\]>))+)|&(lt|gt|amp|quot|apos);/y;

type Open = { name: string; text: string; fields: Record<string, string | Fields>; parent: Open | undefined };

/**
 * The platform's XML: one root `xml` with elements of text, CDATA or a few further elements. Nothing else is read: no
 * attribute, declaration, DTD, entity, comment or instruction; five levels at most, and no name twice at the top, about
 * which readers could disagree. Undefined for anything else. The caller bounds the size.
 */
export function readXml(source: string): Fields | undefined {
  const text = source.trim();
  let open: Open | undefined;
  let root: Fields | undefined;
  let depth = 0;
  let elements = 0;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const token = TOKEN.exec(text);
    if (!token || root) return undefined;
    const [, cdata, closing, name, empty, plain, entity] = token;
    if (name === undefined) {
      if (!open) return undefined;
      open.text += cdata ?? plain ?? NAMED[entity ?? ""] ?? "";
      continue;
    }
    if (closing === "") {
      if (++depth > DEPTH || ++elements > ELEMENTS || (!open && name !== "xml")) return undefined;
      open = { name, text: "", fields: Object.create(null), parent: open };
    }
    if (closing === "" && empty === "") continue;
    if (!open || open.name !== name || (closing !== "" && empty !== "")) return undefined;
    depth--;
    const value = contentOf(open);
    const { parent } = open;
    if (value === undefined) return undefined;
    if (!parent) root = typeof value === "string" ? undefined : value;
    else if (!(name in parent.fields)) parent.fields[name] = value;
    else if (!parent.parent) return undefined;
    if (!parent && !root) return undefined;
    open = parent;
  }
  return open ? undefined : root;
}

/** Text between elements is nothing but space. */
function contentOf({ text, fields, parent }: Open): string | Fields | undefined {
  if (Object.keys(fields).length === 0 && parent) return text;
  return text.trim() === "" ? fields : undefined;
}

/** Text as CDATA: a `]]>` in it ends one section and begins another. Characters that XML has no place for are left out. */
export function cdata(text: string): string {
  const clean = text.toWellFormed().replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "");
  return `<![CDATA[${clean.replaceAll("]]>", "]]]]><![CDATA[>")}]]>`;
}
