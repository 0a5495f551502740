import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openWorld, type TestWorld } from "#tests/world.ts";

let world: TestWorld;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const report = (more: object = {}) => ({
  type: "scam_site",
  title: "假冒医保网站",
  description: "该网站冒充医保局骗取银行卡号。",
  urls: ["https://evil.example/a"],
  ...more,
});

describe("somebody who sends in a case", () => {
  it("gets a receipt and follows the case with it", async () => {
    const sent = await world.anyone.post("/cases", report());
    expect(sent.status).toBe(201);
    expect(sent.body).toEqual({
      id: expect.stringMatching(/^case_\d{8}[0-9A-Z]{10}$/),
      receipt: {
        number: expect.stringMatching(/^\d{8}-[0-9A-Z]{10}$/),
        secret: expect.stringMatching(/^[0-9A-Z]{26}$/),
      },
      uploads: [],
      dueAt: expect.stringMatching(/T15:59:59.000Z$/),
    });
    const status = await world.anyone.post("/cases/status", sent.body.receipt);
    expect(status.body).toMatchObject({
      number: sent.body.receipt.number,
      title: "假冒医保网站",
      state: "received",
      dueAt: sent.body.dueAt,
      history: [{ state: "received" }],
    });
    const { number, secret } = sent.body.receipt;
    for (const pair of [
      { number, secret: secret.replace(/.$/, (last: string) => (last === "0" ? "1" : "0")) },
      { number: `${number.slice(0, -1)}${number.endsWith("0") ? "1" : "0"}`, secret },
      { number: "x", secret: "" },
    ]) {
      const wrong = await world.anyone.post("/cases/status", pair);
      expect([wrong.status, wrong.body.code]).toEqual([404, "RECEIPT_UNKNOWN"]);
    }
  });

  it("makes one case for one key, and the repeat does not tell the secret", async () => {
    const headers = { "idempotency-key": "case-0123456789abcdef" };
    const first = await world.anyone.post("/cases", report(), headers);
    const again = await world.anyone.post("/cases", report(), headers);
    expect(again.status).toBe(201);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body).toEqual({ ...first.body, receipt: { number: first.body.receipt.number } });
  });

  it("is told what to change, in both languages", async () => {
    const wrong = report({ type: "gossip", title: "短", description: "这里有<b>标记</b>的说明", account: "weibo:1" });
    const zh = await world.anyone.post("/cases", wrong);
    expect(zh.status).toBe(422);
    const codes = zh.body.errors.map(({ pointer, code }: { pointer: string; code: string }) => `${pointer} ${code}`);
    expect(codes.sort()).toEqual([
      "/account UNKNOWN_KEY",
      "/description HTML_NOT_ALLOWED",
      "/title TITLE_LENGTH",
      "/type CASE_TYPE",
    ]);
    const en = await world.anyone.post("/cases", report({ title: "短" }), { "accept-language": "en" });
    expect(en.body.errors[0].detail).toBe("the title must have 4 to 80 characters");
  });

  it("uploads what was announced, of that size and type, and nothing else", async () => {
    const png = Buffer.from("89504e470d0a1a0a0000000d", "hex");
    const sha256 = createHash("sha256").update(png).digest("hex");
    const sent = await world.anyone.post(
      "/cases",
      report({ attachments: [{ name: "证据.png", type: "image/png", size: png.length, sha256 }] }),
    );
    const [upload] = sent.body.uploads;
    expect(upload).toMatchObject({ name: "证据.png", method: "PUT", url: expect.stringContaining("http") });
    const put = (bytes: Uint8Array) =>
      fetch(upload.url, { method: upload.method, headers: upload.headers, body: new Blob([Buffer.from(bytes)]) });
    expect((await put(Buffer.alloc(png.length))).status).toBeGreaterThanOrEqual(400);
    expect((await put(Buffer.concat([png, png]))).status).toBeGreaterThanOrEqual(400);
    const done = await put(png);
    expect(done.ok, `${done.status} ${await done.text()}`).toBe(true);
    const status = await world.anyone.post("/cases/status", sent.body.receipt);
    expect(status.body.attachments).toMatchObject([{ name: "证据.png" }]);
  });

  it("shows up nowhere in public", async () => {
    const { body } = await world.anyone.post("/cases", report({ title: "只有本人知道的事" }));
    await new Promise((resolve) => setTimeout(resolve, 200));
    const list = await world.anyone.get("/announcements");
    expect(list.body.items).toEqual([]);
    for (const place of ["/", "/feed.atom", "/feed.json", "/sitemap.xml"]) {
      const page = await (await world.fetch(place)).text();
      expect(page, place).not.toContain(body.receipt.number);
      expect(page, place).not.toContain("只有本人知道的事");
    }
  });
});
