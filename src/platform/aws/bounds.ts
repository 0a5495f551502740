import type { Query } from "#src/platform/table.ts";

/** Sort keys are compared as DynamoDB and SQLite do, by their UTF-8 bytes; `<` on strings would compare UTF-16 units. */
export function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The least text that is greater than every text with this prefix; undefined when there is none. */
export function behind(prefix: string): string | undefined {
  const points = [...prefix].map((character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop())
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  return undefined;
}

/** `from` inclusive, `to` exclusive; undefined when nothing can lie between. */
export type Bounds = { from?: string; to?: string };

export function bounds(query: Query): Bounds | undefined {
  const lower = [query.prefix, query.from].filter((bound): bound is string => Boolean(bound)).sort(compare);
  const upper = [query.prefix ? behind(query.prefix) : undefined, query.to]
    .filter((bound) => bound !== undefined)
    .sort(compare);
  const from = lower.at(-1);
  const to = upper[0];
  if (to !== undefined && compare(from ?? "", to) >= 0) return undefined;
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}

export function within({ from, to }: Bounds, sk: string): boolean {
  return (from === undefined || compare(sk, from) >= 0) && (to === undefined || compare(sk, to) < 0);
}
