import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";
import type { Teaser } from "./teaser.ts";

const HAN = /\p{Script=Han}/u;
const MOST_WORDS = 400;

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

/** Runs of hanzi as single characters and pairs, anything else between spaces and signs as a word. */
export function indexWords(text: string): string[] {
  const found = new Set<string>();
  for (const [run] of folded(text).matchAll(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{L}\p{N}])+/gu)) {
    const characters = [...run];
    if (!HAN.test(run)) found.add(run.slice(0, 40));
    else
      for (const [i, one] of characters.entries()) {
        found.add(one);
        if (i > 0) found.add(`${characters[i - 1]}${one}`);
      }
    if (found.size > MOST_WORDS) break;
  }
  return [...found];
}

/** The index words that every text with this search word has: pairs where there are any; none for what is only signs. */
export function neededWords(word: string): string[] {
  const all = indexWords(word);
  const pairs = all.filter((one) => [...one].length > 1);
  // A word of letters may be the middle of a longer one, which stands in the index as a whole.
  return (pairs.length > 0 ? pairs : all).filter((one) => HAN.test(one));
}

/** The rows of the word index of one announcement. They are never removed: a search reads the text itself before it believes them. */
export function wordItems(teaser: Teaser): Item[] {
  const text = `${teaser.title}\n${teaser.summary}\n${teaser.tags.join("\n")}`;
  return indexWords(text).map((word) => keys.word(word, teaser.firstPublishedAt, teaser.id));
}
