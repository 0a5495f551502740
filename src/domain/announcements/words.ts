import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";
import type { Teaser } from "./teaser.ts";

const HAN = /\p{Script=Han}/u;

/** What is the same to a reader is the same to the index: width, case, compatibility forms. */
export function folded(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}

/** The words of a search, each to be found somewhere in the text. */
export function wordsIn(query: string): string[] {
  return folded(query)
    .split(/\s+/)
    .filter((word) => word !== "");
}

const RUNS = /\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{L}\p{N}])+/gu;

/**
 * Pieces of the runs of a text between spaces and signs: hanzi and their pairs; of letters and digits all pairs and threes,
 * since a search may mean the middle of a word. The limits of a text bound their number.
 */
export function indexWords(text: string): string[] {
  const found = new Set<string>();
  for (const run of runsIn(text)) for (const length of isHan(run) ? [1, 2] : [2, 3]) addPieces(found, run, length);
  return [...found];
}

/** The index words that every text with this search word has, the longest that there are; none for a sign or a single letter. */
export function neededWords(word: string): string[] {
  const found = new Set<string>();
  for (const run of runsIn(word)) {
    const longest = isHan(run) ? 2 : 3;
    if (run.length > 1 || isHan(run)) addPieces(found, run, Math.min(longest, run.length));
  }
  // A single one among pairs is in nearly every text.
  const longer = [...found].filter((piece) => [...piece].length > 1);
  return longer.length > 0 ? longer : [...found];
}

function runsIn(text: string): string[][] {
  return [...folded(text).matchAll(RUNS)].map(([run]) => [...run]);
}

function isHan([first = ""]: string[]): boolean {
  return HAN.test(first);
}

function addPieces(found: Set<string>, run: string[], length: number): void {
  for (let end = length; end <= run.length; end++) found.add(run.slice(end - length, end).join(""));
}

/** The rows of the word index of one announcement. They are never removed: a search reads the text itself before it believes them. */
export function wordItems(teaser: Teaser): Item[] {
  const text = `${teaser.title}\n${teaser.summary}\n${teaser.tags.join("\n")}`;
  return indexWords(text).map((word) => keys.word(word, teaser.firstPublishedAt, teaser.id));
}
