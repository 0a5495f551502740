import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readConfig } from "#src/config.ts";
import { type ClientAddress, clientAddress } from "#src/web/client-address.ts";

const PROXIES = ["127.0.0.1", "10.0.0.0/8", "2001:db8:a::/48"];

function from(peer: string | undefined, forwarded?: string, proxies = PROXIES): string | undefined {
  const headers = new Headers(forwarded === undefined ? {} : { "x-forwarded-for": forwarded });
  return clientAddress(proxies)(peer, headers);
}

describe("behind proxies that are trusted, the client", () => {
  it.each([
    ["is who the proxy saw", "203.0.113.7", "203.0.113.7"],
    ["is who the outermost of several saw", "203.0.113.7, 10.1.2.3, 10.0.0.9", "203.0.113.7"],
    ["may come by IPv6", "2001:db8:1::7, 2001:db8:a::1", "2001:db8:1::7"],
    ["is read with its port", "203.0.113.7:51000", "203.0.113.7"],
    ["is read from brackets, with a port or without", "[2001:db8:1::7]:443,[2001:db8:a::1]", "2001:db8:1::7"],
    ["is the same written as IPv6", "::ffff:203.0.113.7, ::ffff:10.0.0.9", "203.0.113.7"],
    ["may be written with tabs and blanks", " \t203.0.113.7 ,10.0.0.9\t", "203.0.113.7"],
    ["is the first of all when everybody is trusted", "10.0.0.7, 10.0.0.8", "10.0.0.7"],
  ])("%s", (_, forwarded, client) => {
    expect(from("127.0.0.1", forwarded)).toBe(client);
    expect(from("::ffff:127.0.0.1", forwarded)).toBe(client);
  });

  it("is nobody further left, whatever a stranger claims to be", () => {
    const claims = ["198.51.100.1", "10.0.0.1", "127.0.0.1", "unknown", "", "_hidden", "999.1.1.1", "a, b", "[::1"];
    for (const claim of claims) expect(from("127.0.0.1", `${claim}, 203.0.113.7, 10.0.0.9`)).toBe("203.0.113.7");
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (claim) => {
        expect(from("10.9.9.9", `${claim},203.0.113.7`)).toBe("203.0.113.7");
      }),
    );
  });

  it.each(["unknown", "", " ", "203.0.113.7:port", "999.1.1.1", "1.2.3", "0x7f.1", "[2001:db8::1", "2001:db8::1]:1"])(
    "is the nearest proxy itself when that passes on what no address is: %j",
    (garbage) => {
      expect(from("127.0.0.1", garbage)).toBe("127.0.0.1");
      expect(from("127.0.0.1", `203.0.113.7, ${garbage}, 10.0.0.9`)).toBe("10.0.0.9");
    },
  );

  it("is the proxy when that says nothing", () => {
    expect(from("127.0.0.1")).toBe("127.0.0.1");
    expect(from(undefined, "203.0.113.7")).toBeUndefined();
  });
});

it("a header counts for nothing when the connection itself comes from elsewhere, or nobody is trusted", () => {
  expect(from("203.0.113.50", "198.51.100.1")).toBe("203.0.113.50");
  expect(from("203.0.113.50", "198.51.100.1, 10.0.0.9")).toBe("203.0.113.50");
  expect(from("2001:db8:b::1", "198.51.100.1")).toBe("2001:db8:b::1");
  expect(from("127.0.0.1", "198.51.100.1", [])).toBe("127.0.0.1");
});

it("networks may be written as IPv6 that means IPv4", () => {
  const mapped: ClientAddress = clientAddress(["::ffff:10.0.0.0/104", "fe80::/10"]);
  expect(mapped("10.3.4.5", new Headers({ "x-forwarded-for": "203.0.113.7" }))).toBe("203.0.113.7");
  expect(mapped("fe80::1%eth0", new Headers({ "x-forwarded-for": "203.0.113.7" }))).toBe("203.0.113.7");
  expect(mapped("11.3.4.5", new Headers({ "x-forwarded-for": "203.0.113.7" }))).toBe("11.3.4.5");
});

describe("GAOSHI_TRUSTED_PROXIES", () => {
  const read = (value: string | undefined) => readConfig({ GAOSHI_TRUSTED_PROXIES: value }).trustedProxies;

  it("is a list of addresses and networks, and empty unless somebody sets it", () => {
    expect(read(undefined)).toEqual([]);
    expect(read(" ")).toEqual([]);
    expect(read("127.0.0.1, 10.0.0.0/8 ,2001:db8::/32,::1,")).toEqual([
      "127.0.0.1",
      "10.0.0.0/8",
      "2001:db8::/32",
      "::1",
    ]);
  });

  it.each([
    "proxy.internal",
    "10.0.0",
    "10.0.0.0/33",
    "10.0.0.0/",
    "::1/129",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    "[::1]",
    "1.2.3.4:80",
  ])("is refused at the start with the part that is no address: %s", (part) => {
    expect(() => read(`127.0.0.1,${part}`)).toThrow(
      expect.objectContaining({
        code: "CONFIG",
        detail: expect.objectContaining({ en: expect.stringContaining(part) }),
      }),
    );
  });

  it.each(["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96"])("is refused when it trusts everybody: %s", (all) => {
    expect(() => read(all)).toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ en: expect.stringContaining("everybody") }) }),
    );
  });
});
