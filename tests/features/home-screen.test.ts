import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

async function linked(page: string, rel: string): Promise<Response> {
  const text = await (await world.fetch(page)).text();
  const href = new RegExp(`<link rel="${rel}"[^>]* href="([^"]+)"`).exec(text)?.[1]?.replaceAll("&amp;", "&");
  return world.fetch(href ?? "/none");
}

/** Width and height of a PNG whose first and last chunk are whole. */
async function sizeOf(answer: Response): Promise<string> {
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
  expect(answer.headers.get("cache-control")).toContain("immutable");
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(bytes.length).toBeLessThan(20_000);
  expect(bytes.subarray(0, 8).toString("hex")).toBe("89504e470d0a1a0a");
  expect(bytes.readUInt32BE(29)).toBe(crc32(bytes.subarray(12, 29)));
  expect(bytes.subarray(-8, -4).toString("latin1")).toBe("IEND");
  return `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`;
}

describe("somebody who adds the site to the home screen of a phone", () => {
  it.each([
    ["zh-CN", "告示"],
    ["en", "Gaoshi"],
  ])("gets it under its name in %s, as an app of its own, with pictures", async (lang, name) => {
    const answer = await linked(`/?lang=${lang}`, "manifest");
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
      200,
      "application/manifest+json; charset=utf-8",
      "public, max-age=3600",
    ]);
    // biome-ignore lint/suspicious/noExplicitAny: a test reads it as a browser would.
    const manifest = (await answer.json()) as any;
    expect(manifest).toMatchObject({ name, short_name: name, lang, display: "standalone", scope: "/", id: "/" });
    const start = await world.fetch(manifest.start_url);
    expect(await start.text()).toContain(`<html lang="${lang}">`);
    const pictures = manifest.icons.filter(({ type }: { type: string }) => type === "image/png");
    expect(pictures.map(({ purpose = "any" }: { purpose?: string }) => purpose)).toEqual(["any", "any", "maskable"]);
    for (const { src, sizes } of pictures) expect(await sizeOf(await world.fetch(src))).toBe(sizes);
    for (const { url } of manifest.shortcuts) expect((await world.fetch(url)).status).toBe(200);
  });

  it("gets Apple's picture, and the policy of every page lets the manifest in", async () => {
    expect(await sizeOf(await linked("/subscribe", "apple-touch-icon"))).toBe("180x180");
    for (const page of ["/", "/subscribe", "/nowhere"]) {
      const answer = await world.fetch(page, { headers: { accept: "text/html" } });
      expect(answer.headers.get("content-security-policy")).toContain("manifest-src 'self'");
      expect(await answer.text()).toContain('rel="manifest"');
    }
  });

  it("has the manifest again for nothing while it is the same", async () => {
    const first = await world.fetch("/manifest.webmanifest?lang=en");
    const again = await world.fetch("/manifest.webmanifest?lang=en", {
      headers: { "if-none-match": first.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });

  it("is told on the subscription page how notifications come to an iPhone", async () => {
    const zh = await (await world.fetch("/subscribe?lang=zh-CN")).text();
    expect(zh).toMatch(/id="browser-home"[^>]* hidden>/);
    expect(zh).toContain("添加到主屏幕");
    expect(await (await world.fetch("/subscribe?lang=en")).text()).toContain("Add to Home Screen");
  });
});
