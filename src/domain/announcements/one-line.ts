/** Cuts between characters (user-perceived ones, so no emoji or accent is torn) and marks the cut. */
export function cut(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const kept: string[] = [];
  for (const { segment } of new Intl.Segmenter("zh").segment(text)) {
    if (kept.length === characters) return `${kept.slice(0, -1).join("")}…`;
    kept.push(segment);
  }
  return text;
}

/** The same by UTF-8 bytes: a channel's limit is one of bytes, and a hanzi has three. */
export function cutBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  let kept = "";
  let size = Buffer.byteLength("…");
  for (const { segment } of new Intl.Segmenter("zh").segment(text)) {
    size += Buffer.byteLength(segment);
    if (size > bytes) break;
    kept += segment;
  }
  return size > bytes && kept === "" && bytes < 3 ? "" : `${kept}…`;
}

/** One line without control characters (line separators and bidi controls included), for titles and summaries. */
export function oneLine(text: string): string {
  return text
    .replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .replace(/[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]/g, "")
    .toWellFormed()
    .trim();
}
