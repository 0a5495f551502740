import type { Column } from "#src/domain/announcements/column.ts";
import { englishColumnName } from "#src/domain/announcements/column-names.ts";
import { listColumns } from "#src/domain/announcements/columns.ts";
import type { Table } from "#src/platform/table.ts";
import type { Language } from "#src/text.ts";

/** `everything`: all columns were meant. `unknown`: words that name none, or more than one. */
export type Meant = { everything: boolean; columns: Column[]; unknown: string[] };

const EVERYTHING = ["全部", "所有", "全部栏目", "all", "everything"];
const SEPARATORS = /[\s,、;&+/|和与]+/u;

/** The columns that words name, by slug or name in either language; a part of a name will do while only one has it. */
export async function findColumns(deps: { table: Table }, words: string): Promise<Meant> {
  const all = await listColumns(deps);
  const whole = look(all, words);
  if (EVERYTHING.includes(fold(words))) return { everything: true, columns: [], unknown: [] };
  if (whole) return { everything: false, columns: [whole], unknown: [] };
  const meant: Meant = { everything: false, columns: [], unknown: [] };
  for (const word of words.split(SEPARATORS).filter((one) => one !== "")) {
    const found = look(all, word);
    if (EVERYTHING.includes(fold(word))) meant.everything = true;
    else if (!found) meant.unknown.push(word);
    else if (!meant.columns.includes(found)) meant.columns.push(found);
  }
  return meant;
}

function look(all: Column[], words: string): Column | undefined {
  const wanted = fold(words);
  if (wanted === "") return undefined;
  const names = all.map((column) => ({
    column,
    texts: [column.slug, column.name, englishColumnName(column.slug, column.name) ?? ""].map(fold),
  }));
  const exact = names.find(({ texts }) => texts.includes(wanted));
  if (exact) return exact.column;
  const part = wanted.length >= 2 ? names.filter(({ texts }) => texts.some((text) => text.includes(wanted))) : [];
  return part.length === 1 ? part[0]?.column : undefined;
}

function fold(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\s_-]+/g, "");
}

export function shownColumn({ slug, name }: Column, language: Language): string {
  return language === "en" ? (englishColumnName(slug, name) ?? name) : name;
}
