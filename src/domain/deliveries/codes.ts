import type { Result } from "./store.ts";

/** The code that most good answers had, and the others by member. */
export function packCodes(codes: (number | undefined)[]): Pick<Result, "usual" | "codes"> {
  const times = new Map<number, number>();
  for (const code of codes) if (code !== undefined) times.set(code, (times.get(code) ?? 0) + 1);
  const usual = [...times].reduce((most, one) => (one[1] > most[1] ? one : most), [200, 0])[0];
  const others = codes.flatMap((code, member) =>
    code === undefined || code === usual ? [] : [[member.toString(36), code] as const],
  );
  return {
    ...(usual === 200 ? {} : { usual }),
    ...(others.length > 0 ? { codes: Object.fromEntries(others) } : {}),
  };
}

/** The code of a good answer; 0 on a channel that has none. */
export function codeOf(result: Result, member: number): number | undefined {
  if (!"da".includes(result.letters.charAt(member))) return undefined;
  return result.codes?.[member.toString(36)] ?? result.usual ?? 200;
}
