import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { join, keys, padded, part, unpart } from "#src/platform/keys.ts";

/** Texts made to break out of a key: separators, escapes, halves of emoji, and whole ones. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "#",
        "|",
        "/",
        "%",
        "%23",
        "%u",
        "D83D",
        "25",
        "\u0000",
        "\u007f",
        "😀",
        "\ud83d",
        "\ude00",
        "a",
        "中",
      ),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(""));
const long = nasty.map((text) => text + "长".repeat(341));
const text = fc.oneof({ weight: 9, arbitrary: nasty }, { weight: 1, arbitrary: long });

/** What a store keeps of a key: its bytes in UTF-8. */
const bytes = (key: unknown): string => Buffer.from(JSON.stringify(key)).toString("hex");

type Composer = (...parts: never[]) => { pk: string; sk: string } | string;
const composers = Object.entries(keys) as [string, Composer][];

/** The positions that take a number: what the function pads. */
function numbered(compose: Composer): boolean[] {
  const source = compose.toString();
  const names = (source.match(/^[^(]*\(([^)]*)\)/)?.[1] ?? "").split(",").map((name) => name.trim());
  return names.map((name) => source.includes(`padded(${name})`) || source.includes(`padded)(${name})`));
}

const composed = fc.constantFrom(...composers).chain(([name, compose]) => {
  const numbers = numbered(compose);
  const parts = Array.from({ length: compose.length }, (_, position) =>
    numbers[position] ? fc.integer({ min: 0, max: 999_999 }) : text,
  );
  return fc.tuple(...parts).map((given) => ({ name, given, key: compose(...(given as never[])) }));
});

describe("the keys of the table", () => {
  it("give back every part as it was", () => {
    fc.assert(fc.property(text, (given) => unpart(part(given)) === given));
  });

  it("keep different lists of parts apart, also as bytes", () => {
    const list = fc.array(nasty, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(list, list, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        expect(Buffer.from(join(...one))).not.toEqual(Buffer.from(join(...other)));
      }),
      { numRuns: 2_000 },
    );
    expect(join("a", "", "b")).not.toBe(join("a", "b"));
    expect(join("a#b")).not.toBe(join("a", "b"));
  });

  it("never lead from one item to another, whatever the parts hold", () => {
    expect(composers.length).toBeGreaterThan(20);
    expect(numbered(keys.revision)).toEqual([false, true]);
    fc.assert(
      fc.property(fc.array(composed, { minLength: 2, maxLength: 30 }), (all) => {
        const items = all.filter(({ key }) => typeof key !== "string");
        const said = new Set(items.map(({ name, given }) => bytes([name, given])));
        const stored = new Set(items.map(({ key }) => bytes(key)));
        expect(stored.size).toBe(said.size);
      }),
      { numRuns: 500 },
    );
  });

  it("round-trip: the parts can be read back from the key", () => {
    fc.assert(
      fc.property(composed, ({ given, key }) => {
        const whole = typeof key === "string" ? key : `${key.pk}#${key.sk}`;
        const parts = whole.split("#").map(unpart);
        for (const one of given) {
          expect(parts).toSatisfy(() => parts.includes(String(one)) || parts.includes(padded(Number(one))));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it("hold no character that separates or controls inside a part, and no half of a surrogate pair", () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(part(given)).not.toMatch(/[#|/\u0000-\u001f\u007f]/);
        expect(part(given).isWellFormed()).toBe(true);
      }),
    );
  });

  it("sort numbers as numbers", () => {
    expect([padded(10), padded(9), padded(123_456)].sort()).toEqual([padded(9), padded(10), padded(123_456)]);
  });
});
