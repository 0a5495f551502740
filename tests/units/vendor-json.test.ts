import fc from "fast-check";
import { expect, it } from "vitest";
import { parseVendorJson } from "#src/domain/deliveries/vendor-json.ts";

it("keeps the digits of an id of 64 bits, wherever it stands", () => {
  expect(parseVendorJson('{"msgid":1226691075109289985,"a":[{"b":-9007199254740993}]}')).toEqual({
    msgid: "1226691075109289985",
    a: [{ b: "-9007199254740993" }],
  });
  expect(parseVendorJson("4625712877545553920")).toBe("4625712877545553920");
});

it("gives any id of 64 bits back as it came", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (id) => {
      expect(String((parseVendorJson(`{"id": ${id} }`) as { id: unknown }).id)).toBe(String(id));
    }),
  );
});

it("reads everything else as usual", () => {
  fc.assert(
    fc.property(fc.json(), fc.boolean(), (text, more) => {
      const whole = more ? `[${text},"1226691075109289985",1e300,0.1234567890123456789,9007199254740991]` : text;
      expect(parseVendorJson(whole)).toEqual(JSON.parse(whole.replace(/(?<=[[,:])(-?\d{17,})(?=[\],}])/g, '"$1"')));
    }),
  );
  expect(() => parseVendorJson('{"msgid":12266910751092')).toThrow(SyntaxError);
  expect(() => parseVendorJson('{"msgid":1226691075109289985')).toThrow(SyntaxError);
});
