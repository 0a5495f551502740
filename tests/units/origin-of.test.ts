import { expect, it } from "vitest";
import { originOf } from "#src/domain/deliveries/origin-of.ts";

it("names the origin of a URL, whatever the one before was", () => {
  const cases = [
    ["https://a.example/hook", "https://a.example"],
    ["https://a.example/other?x=/y", "https://a.example"],
    ["https://a.example:8443/hook", "https://a.example:8443"],
    ["https://a.example.cn/hook", "https://a.example.cn"],
    ["https://a.example/hook", "https://a.example"],
    ["http://a.example/", "http://a.example"],
    ["https://a.example", "https://a.example"],
    ["https://a.example/hook", "https://a.example"],
  ];
  for (const [address = "", origin] of cases) expect(originOf(address)).toBe(origin);
});

it("gives all other addresses of a channel one origin, also those that begin like a URL", () => {
  originOf("https://a.example/hook");
  expect(["room:19@x", "reader@a.example", "", "oUser_1/https://a.example/"].map(originOf)).toEqual(["", "", "", ""]);
  expect(originOf("http:")).toBe("http:");
  expect(originOf("http://b.example/c")).toBe("http://b.example");
});
