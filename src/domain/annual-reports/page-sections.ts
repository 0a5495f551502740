import { foldLabel, PAGE_LABELS, type PageKey, type PageLabel } from "./page-labels.ts";

export type PageSections = { head: string; sections: Map<PageKey, string> };

const JOINED_LINES = 3;

/** Cuts the text of a page at its labels: what stands above the first one, and under each, trimmed, in the page's words. */
export function cutPage(text: string): PageSections {
  const lines = text
    .replace(/^\uFEFF/, "")
    .replace(/[\u200B-\u200D\u2060]/g, "")
    .split(/\r\n|\r|\n|\u2028|\u2029/);
  const head: string[] = [];
  const sections = new Map<PageKey, string[]>();
  let current: string[] = head;
  for (let i = 0; i < lines.length; ) {
    const found = labelAt(lines, i, sections);
    if (found === undefined) {
      current.push(lines[i] ?? "");
      i++;
      continue;
    }
    current = found.rest === "" ? [] : [found.rest];
    sections.set(found.key, current);
    i += found.lines;
  }
  const trimmed = new Map([...sections].map(([key, value]) => [key, value.join("\n").trim()] as const));
  return { head: head.join("\n"), sections: trimmed };
}

type Found = { key: PageKey; rest: string; lines: number };

/** A label counts where it first stands; later lines that look like it belong to the text they stand in. */
function labelAt(lines: string[], at: number, seen: Map<PageKey, unknown>): Found | undefined {
  const line = lines[at] ?? "";
  const start = line.trimStart();
  const first = start === "" ? "" : foldLabel(start.slice(0, 8)).charAt(0);
  if (first === "") return undefined;
  for (const label of PAGE_LABELS) {
    if (seen.has(label.key) || !label.names.some((name) => name.startsWith(first))) continue;
    const rest = restBehind(line, label);
    if (rest !== undefined) return { key: label.key, rest, lines: 1 };
    const wrapped = wrappedLabel(lines, at, label);
    if (wrapped !== undefined) return { key: label.key, rest: "", lines: wrapped };
  }
  return undefined;
}

/** What follows the label on its own line: nothing, or a value behind a colon or a space (a number may follow at once). */
function restBehind(line: string, label: PageLabel): string | undefined {
  if (label.names.includes(foldLabel(line))) return "";
  for (const name of label.names) {
    const end = endOfLabel(line, name);
    if (end === undefined) continue;
    const rest = line.slice(end);
    if (/^[\s:：]/.test(rest) || (label.numeric && /^[\d０-９+-]/.test(rest))) return rest.replace(/^[\s:：]+/, "");
  }
  return undefined;
}

function endOfLabel(line: string, name: string): number | undefined {
  let folded = "";
  for (let end = 0; end < line.length && folded.length < name.length; end++) {
    folded += foldLabel(line.charAt(end));
    if (folded === name) return /^[)）\]】》]/.test(line.slice(end + 1)) ? end + 2 : end + 1;
    if (!name.startsWith(folded)) return undefined;
  }
  return undefined;
}

/** How many lines a long label covers that was wrapped when it was copied. */
function wrappedLabel(lines: string[], at: number, label: PageLabel): number | undefined {
  let folded = foldLabel(lines[at] ?? "");
  for (const name of label.names) {
    if (name.length < 10 || folded.length < 2) continue;
    for (let more = 1; more < JOINED_LINES && folded !== "" && name.startsWith(folded); more++) {
      folded += foldLabel(lines[at + more] ?? "");
      if (folded === name) return more + 1;
    }
    folded = foldLabel(lines[at] ?? "");
  }
  return undefined;
}
