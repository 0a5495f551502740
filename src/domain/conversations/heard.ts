import { type Language, PRODUCT } from "#src/text.ts";

/** `words` without our name and mentions; `addressed`: the text itself calls us. */
export type Heard = { addressed: boolean; words: string };

const INVISIBLE = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const NAME = new RegExp(`^(?:${PRODUCT.zh}|${PRODUCT.en}(?![a-z0-9]))`, "iu");
const BETWEEN = /^[\s:,、。.;!~-]+/u;

/** One line, full-width letters and signs as their plain ones: what people type, however their keyboard writes it. */
export function plainWords(text: string): string {
  return text
    .toWellFormed()
    .normalize("NFKC")
    .replace(INVISIBLE, "")
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ")
    .trim();
}

/** Takes the mention and our name off what was said. WeChat ends a mention with U+2005, for names may hold spaces. */
export function heard(text: string, mentioned = false): Heard {
  const mention = /^\s*[@＠](?:([^\u2005\n]{1,64})\u2005|(\S{1,64}))/u.exec(text);
  const called = plainWords(mention?.[1] ?? mention?.[2] ?? "");
  let addressed = mentioned || isName(called);
  let words = plainWords(mention ? text.slice(mention[0].length) : text);
  const behind = / ?@(\S{1,64})$/u.exec(words);
  if (behind && (mentioned || isName(behind[1] ?? ""))) {
    addressed = true;
    words = words.slice(0, behind.index);
  }
  if (NAME.test(words)) {
    addressed = true;
    words = words.replace(NAME, "").replace(BETWEEN, "");
  }
  return { addressed, words: words.trim() };
}

function isName(word: string): boolean {
  return word === PRODUCT.zh || word.toLowerCase() === PRODUCT.en.toLowerCase();
}

/** The language somebody seems to write: English only when there is no Chinese in it. */
export function languageOf(words: string): Language | undefined {
  if (/\p{Script=Han}/u.test(words)) return "zh-CN";
  return /(?<![\p{L}\p{N}])[a-z]{2,}(?![\p{L}\p{N}])/iu.test(words) ? "en" : undefined;
}
