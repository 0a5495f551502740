const NUMERALS = ["一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五"];

/**
 * Splits a narrative before its headings 一、 二、 …, which stand at a line's start or after a full stop, colon or semicolon
 * and follow each other in order. The parts joined give the text again.
 */
export function sectionsOf(text: string): string[] {
  const starts: number[] = [0];
  let from = 0;
  for (const numeral of NUMERALS) {
    const heading = new RegExp(`(?:^|[。：:；;\\n])\\s{0,9}(?=${numeral}、)`, "g");
    heading.lastIndex = from;
    const match = heading.exec(text);
    if (match === null) break;
    const start = match.index + match[0].length;
    if (start > 0) starts.push(start);
    from = start;
  }
  return starts.map((start, i) => text.slice(start, starts[i + 1])).filter((part) => part !== "");
}
