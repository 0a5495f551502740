import { cut, cutBytes, oneLine } from "#src/domain/announcements/one-line.ts";

/** The least that a chat we answer in takes as one message, in UTF-8 bytes. */
const MESSAGE_BYTES = 2000;

/** Words of others, safe to say in a chat: one line, and no `@` that a puppet would make a mention of. */
export function shown(text: string, characters: number): string {
  return cut(oneLine(text).replaceAll("@", "＠"), characters);
}

export function message(lines: (string | undefined)[]): string {
  return cutBytes(lines.filter((line) => line !== undefined).join("\n"), MESSAGE_BYTES);
}
