/** `qualifier` is `exact` or the words as written (`余`, `约`, `近…余`); `start` counts UTF-16 units of the whole text. */
export type Figure = {
  value: number;
  unit: string;
  qualifier: string;
  text: string;
  start: number;
  contradictory: boolean;
};

const BEFORE = "将近|接近|近|大约|约|超过|超|逾|不足|不到";
const AFTER = "余|多";
const UNITS =
  "人次|场次|万元|亿元|平方米|平方公里|公里|小时|分钟|条|篇|张|份|册|起|件|期|名|人|次|场|个|家|项|部|套|户|天|元|亩|批|台|辆|本|幅|块|届|类|字|位|处|只|支|所|座|吨|%|％";
const ARABIC = "[0-9０-９][0-9０-９,，]{0,20}(?:[.．][0-9０-９]{1,9})?";
const CHINESE = "[一二两三四五六七八九十]{0,9}[百千万][一二三四五六七八九十百千万]{0,9}";
const FIGURE = new RegExp(
  `(${BEFORE})?(${ARABIC}|${CHINESE})(${AFTER})?([万亿](?!元))?(${AFTER})?(${UNITS})(以上|左右|以下)?`,
  "g",
);

const MORE = new Set(["余", "多", "超过", "超", "逾", "以上"]);
const LESS = new Set(["将近", "接近", "近", "不足", "不到", "以下"]);

/**
 * The counted things of a narrative: a number with a counter and its qualifier (余, 多, 近, 约 …). Two that pull in
 * different directions (近百余条) make a figure contradictory. Years, list numbers, dates and ordinals
 * (第3期) are not figures.
 */
export function figuresIn(text: string): Figure[] {
  return [...text.matchAll(FIGURE)].flatMap((match) => {
    const [whole, before, digits = "", inner, scale, after, unit = "", trailing] = match;
    if (/[0-9０-９.．第]/.test(text.charAt(match.index - 1))) return [];
    const words = [before, inner, after, trailing].filter((word) => word !== undefined);
    const directions = new Set(words.map((word) => (MORE.has(word) ? "more" : LESS.has(word) ? "less" : "about")));
    const value = readNumber(digits) * (scale === "万" ? 1e4 : scale === "亿" ? 1e8 : 1);
    if (!Number.isFinite(value)) return [];
    const qualifier = words.length === 0 ? "exact" : words.join("…");
    return [{ value, unit, qualifier, text: whole, start: match.index, contradictory: directions.size > 1 }];
  });
}

function readNumber(digits: string): number {
  const plain = digits.normalize("NFKC").replace(/,/g, "");
  return /^[\d.]+$/.test(plain) ? Number(plain) : chineseNumber(plain);
}

const NUMERALS: Record<string, number> = { 一: 1, 二: 2, 两: 2, 三: 3, 四: 4, 五: 5, 六: 6, 七: 7, 八: 8, 九: 9 };
const POWERS: Record<string, number> = { 十: 10, 百: 100, 千: 1000 };

/** 百 is 100, 三百二十 is 320, 两万五千 is 25,000. */
function chineseNumber(text: string): number {
  let total = 0;
  let section = 0;
  let digit = 0;
  for (const character of text) {
    const power = POWERS[character];
    if (character === "万") {
      total += (section + digit || 1) * 1e4;
      section = 0;
      digit = 0;
    } else if (power !== undefined) {
      section += (digit || 1) * power;
      digit = 0;
    } else {
      digit = NUMERALS[character] ?? 0;
    }
  }
  return total + section + digit;
}
