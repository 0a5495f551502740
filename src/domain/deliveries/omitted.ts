import type { Letter } from "./states.ts";
import type { Result } from "./store.ts";

const WIDTH = 3;

/** Per item its members: two characters of position in base 36 and a letter. */
export function withOmitted(
  known: Result["without"],
  member: number,
  items: string[],
  letter: "x" | "u",
): Result["without"] {
  if (!known && items.length === 0) return undefined;
  const position = member.toString(36).padStart(2, "0");
  const next: Record<string, string> = {};
  for (const item of new Set([...Object.keys(known ?? {}), ...items])) {
    const others = entries(known?.[item]).filter((entry) => !entry.startsWith(position));
    const all = items.includes(item) ? [...others, `${position}${letter}`] : others;
    if (all.length > 0) next[item] = all.join("");
  }
  return Object.keys(next).length > 0 ? next : undefined;
}

/** What an item came to that this member's digest went out without. */
export function omitted(result: Result, member: number, item: string): Letter | undefined {
  const position = member.toString(36).padStart(2, "0");
  const entry = entries(result.without?.[item]).find((one) => one.startsWith(position));
  return entry?.charAt(WIDTH - 1) as Letter | undefined;
}

function entries(packed = ""): string[] {
  return packed.match(/.{3}/g) ?? [];
}
