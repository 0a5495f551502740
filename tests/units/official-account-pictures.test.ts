import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { makeEgress } from "#src/channels/egress.ts";
import { filePart } from "#src/channels/file-part.ts";
import { hostPictures } from "#src/channels/official-account-pictures.ts";
import { makeOutgoing } from "#src/channels/outgoing.ts";
import type { WechatCall } from "#src/channels/wechat-call.ts";
import type { Steps } from "#src/domain/deliveries/push-steps.ts";
import { startPictureSite } from "#tests/receivers/picture-site.ts";
import { revisionOf, testLinks } from "#tests/units/push-world.ts";
import { wechatWorld } from "#tests/units/wechat-world.ts";

const ACCOUNT = { appId: "wx0123456789abcdef", appSecret: "0123456789abcdef0123456789abcdef" };
const DRAFT = "/cgi-bin/draft/add";
const MASS = "/cgi-bin/message/mass/sendall";
const UPLOAD = "/cgi-bin/media/uploadimg";

let world: Awaited<ReturnType<typeof wechatWorld>>;
let site: Awaited<ReturnType<typeof startPictureSite>>;
beforeEach(async () => {
  [world, site] = await Promise.all([wechatWorld("official-account", ACCOUNT), startPictureSite()]);
  world.move(site.origin);
  world.api.massLeft = 100;
});
afterEach(() => Promise.all([world.close(), site.close()]));

const withBody = (body: string) => world.delivery("followers", { content: { body } });
const contentOf = (): string => world.api.at(DRAFT).at(-1)?.json.articles[0].content;
const hosted = () => [...world.api.pictures];

describe("pictures of an article", () => {
  test("are put on the platform's own servers and shown from there", async () => {
    const outcome = await withBody('前\n\n![示意图](/a.png?x=1&y=2 "题")\n\n![](../b.txt)\n\n后').push();
    expect(outcome).toMatchObject({ kind: "accepted" });
    expect(site.visits.sort()).toEqual(["/a.png?x=1&y=2", "/b.txt"]);
    expect(
      hosted()
        .map(([, bytes]) => bytes.length)
        .sort(),
    ).toEqual([site.png.length, site.jpeg.length].sort());
    for (const [url, bytes] of hosted()) {
      const alt = bytes.equals(site.png) ? "示意图" : "";
      expect(bytes.equals(alt ? site.png : site.jpeg)).toBe(true);
      expect(contentOf()).toContain(`<img src="${url.replaceAll("&", "&amp;")}" alt="${alt}" style="max-width:100%">`);
    }
    expect(contentOf()).not.toContain(site.origin);
    expect(contentOf()).not.toContain("见原文");
  });

  test("of one address or the same bytes are uploaded once", async () => {
    await withBody("![1](/a.png) ![2](/a.png)").push();
    expect(site.visits).toEqual(["/a.png"]);
    expect(contentOf().match(/<img /g)).toHaveLength(2);
    await withBody("![1](/a.png) ![2](/same-as-a.png)").push();
    expect(hosted()).toHaveLength(2);
    expect(contentOf().match(/<img /g)).toHaveLength(2);
  });

  test("are neither fetched nor uploaded again by a further attempt, in whichever process", async () => {
    const delivery = withBody("![1](/a.png) ![2](/b.txt) ![3](/page.png)");
    world.api.next(DRAFT, { errcode: -1 });
    expect(await delivery.push()).toMatchObject({ kind: "retry" });
    world.restart();
    expect(await delivery.push()).toMatchObject({ kind: "accepted" });
    expect(site.visits.sort()).toEqual(["/a.png", "/b.txt", "/page.png"]);
    expect(world.api.at(UPLOAD)).toHaveLength(2);
    expect(contentOf().match(/<img /g)).toHaveLength(2);
    expect(contentOf()).toContain("（图片：3，见原文）");
  });

  test.each([
    ["page.png", "a page under a picture's name"],
    ["gif.png", "another kind of picture"],
    ["empty.png", "nothing"],
    ["large.png", "more than a megabyte"],
    ["endless.png", "without end"],
    ["moved.png", "a redirect"],
    ["missing.png", "not there"],
    ["hang.png", "no answer"],
    ["reset.png", "a broken connection"],
    ["busy.png", "an error"],
  ])("%s (%s) are left out with a note, and the message goes out with the others", async (name) => {
    const outcome = await withBody(`![坏图](/${name}) ![好图](/a.png)`).push();
    expect(outcome).toMatchObject({ kind: "accepted" });
    expect(contentOf()).toContain("（图片：坏图，见原文）");
    expect(contentOf().match(/<img /g)).toHaveLength(1);
    expect(world.api.at(UPLOAD)).toHaveLength(1);
    expect(site.visits.filter((path) => path === "/a.png")).toHaveLength(1);
    expect(world.api.at(MASS)).toHaveLength(1);
  });

  test.each([
    ["https://127.0.0.1:1/a.png", "nobody there"],
    ["https://10.0.0.8/a.png", "a private address"],
    ["https://metadata.google.internal/a.png", "a name of the cloud's own"],
    ["https://user:pass@example.com/a.png", "a password"],
    ["http://example.com/a.png", "without encryption"],
  ])("at %s (%s) are not asked for", async (address) => {
    expect(await withBody(`![图](${address})`).push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at(UPLOAD)).toEqual([]);
    expect(contentOf()).not.toContain("<img");
    expect(contentOf()).toContain("图");
  });

  test.each([
    ["what it takes for another type", { errcode: 40005 }],
    ["without the right to upload", { errcode: 48001 }],
    ["with the day's calls used up", { errcode: 45009 }],
    ["a page", { fault: "html" }],
    ["cut off", { fault: "cut" }],
    ["no answer", { fault: "hang" }],
    ["no address", { ok: {} }],
    ["an address that is none", { ok: { url: 'x" onerror="alert(1)' } }],
  ] as const)("stop nothing when the platform does not take them: %s", async (_, odd) => {
    world.api.always(UPLOAD, odd);
    expect(await withBody("![图](/a.png)").push()).toMatchObject({ kind: "accepted" });
    expect(world.api.at(UPLOAD).length).toBeLessThanOrEqual(2);
    expect(contentOf()).toContain("（图片：图，见原文）");
    expect(contentOf()).not.toMatch(/<img|onerror/);
  });

  test("are uploaded at the second try when the platform was busy", async () => {
    world.api.next(UPLOAD, { errcode: -1 });
    await withBody("![图](/a.png)").push();
    expect(contentOf().match(/<img /g)).toHaveLength(1);
  });

  test("beyond the tenth stay in the original", async () => {
    await withBody(Array.from({ length: 12 }, (_, i) => `![图${i}](/n/${i}.png)`).join("\n\n")).push();
    expect(hosted()).toHaveLength(10);
    expect(contentOf().match(/<img /g)).toHaveLength(10);
    expect(contentOf()).toContain("（图片：图11，见原文）");
  });

  test("have a time together, after which the article goes without the rest", async () => {
    const egress = makeEgress(["127.0.0.0/8"]);
    const fetcher = makeOutgoing(egress, { answer: 5, total: 5 });
    const noted: Record<string, Steps> = {};
    const note = async (name: string, more: Steps): Promise<void> => {
      noted[name] = more;
    };
    const steps = { read: async () => ({}), note };
    const call: WechatCall = async () => ({ kind: "ok", body: { url: "https://mmbiz.qpic.cn/1" } });
    const source = { credential: "x", fetch: vi.fn(), force: vi.fn() };
    const hangs = Array.from({ length: 8 }, (_, i) => `<img src="/hang.png?${i}" alt="">`).join("");
    const work = { source, deliveryId: "d", html: `<img src="/a.png" alt="">${hangs}`, page: `${site.origin}/` };
    const began = performance.now();
    const found = await hostPictures({ egress, fetcher, call, steps, ms: 400 }, work);
    expect(performance.now() - began).toBeLessThan(2500);
    expect([...found]).toEqual([["/a.png", "https://mmbiz.qpic.cn/1"]]);
    expect(Object.keys(noted)).toEqual(["d:pictures"]);
    await fetcher.close();
  });

  test("of an announcement that is withdrawn are not fetched", async () => {
    const more = { kind: "withdrawn", reason: "误发", content: { body: "![图](/a.png)" } } as const;
    await world.delivery("followers", more).push();
    expect(site.visits).toEqual([]);
  });
});

describe("before anything is sent", () => {
  const codesOf = async (body: string) => {
    const revision = revisionOf(world.now(), { content: { body } });
    return (await world.channel.preview(revision, "zh-CN", testLinks)).faults.map(({ code }) => code);
  };

  test("an editor is told of pictures that will surely be missing, and of no others", async () => {
    expect(await codesOf("![图](/a.png) ![图](https://cdn.example.com/b.jpg) `![](x)`")).toEqual([]);
    for (const body of [
      "![图](http://cdn.example.com/b.jpg)",
      "![图](https://10.0.0.8/b.jpg)",
      "![图](https://printer.local/b.jpg)",
      Array.from({ length: 11 }, (_, i) => `![图](/${i}.png)`).join(" "),
    ])
      expect(await codesOf(body), body).toEqual(["CHANNEL_IMAGE_FOREIGN"]);
  });
});

test("a file's own bytes never end its part", () => {
  const { type, body } = filePart("a.png", "image/png", Buffer.from("x"));
  const boundary = type.split("boundary=")[1] ?? "";
  expect(boundary).toMatch(/^[0-9a-f]{32}$/);
  expect(body.toString()).toBe(
    `--${boundary}\r\ncontent-disposition: form-data; name="media"; filename="a.png"\r\ncontent-type: image/png\r\n\r\nx\r\n--${boundary}--\r\n`,
  );
});
