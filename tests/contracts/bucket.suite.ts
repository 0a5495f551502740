import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AppError } from "#src/errors.ts";
import type { Bucket, SignedUpload } from "#src/platform/bucket.ts";

export type OpenBucket = () => Promise<{
  bucket: Bucket;
  /** Sends a request to whoever answers the bucket's links. */
  send(request: Request): Promise<Response>;
  /** The bucket's own clock goes so many seconds wrong from now on. */
  shiftClock(seconds: number): void;
  close(): Promise<void>;
}>;

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");
const TEXT = "text/plain";

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "none",
    (error: AppError) => `${error.kind} ${error.code}`,
  );
}

/** What every bucket must do, and whoever answers its links. */
export function bucketContract(name: string, open: OpenBucket): void {
  describe(`${name}: the bucket`, () => {
    let opened: Awaited<ReturnType<OpenBucket>>;
    let bucket: Bucket;
    let counter = 0;
    beforeAll(async () => {
      opened = await open();
      bucket = opened.bucket;
    });
    afterAll(() => opened.close());

    const newKey = (): string => `test-${process.pid}-${Date.now()}/${counter++}/file.txt`;
    const upload = (link: SignedUpload, body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
      opened.send(
        new Request(link.url, {
          method: link.method,
          headers: { ...link.headers, "content-length": String(body.byteLength), ...headers },
          body: new Uint8Array(body),
        }),
      );
    const sign = (key: string, content: Uint8Array, more: { sha256?: string } = {}): Promise<SignedUpload> =>
      bucket.signUpload({ key, contentType: TEXT, size: content.byteLength, seconds: 300, ...more });

    describe("objects", () => {
      it("come back byte for byte, with size, type and checksum", async () => {
        for (const content of [bytes("告示\n"), new Uint8Array(0), new Uint8Array(randomBytes(300_000))]) {
          const key = newKey();
          await bucket.put(key, { bytes: content, contentType: "image/png" });
          const stored = await bucket.get(key);
          expect(stored?.contentType).toBe("image/png");
          expect(Buffer.from(stored?.bytes ?? []).equals(content)).toBe(true);
          expect(await bucket.head(key)).toMatchObject({ size: content.byteLength, contentType: "image/png" });
        }
      });

      it("are absent before they are put and after they are removed", async () => {
        const key = newKey();
        expect(await bucket.get(key)).toBeUndefined();
        expect(await bucket.head(key)).toBeUndefined();
        await bucket.remove(key);
        await bucket.put(key, { bytes: bytes("a"), contentType: TEXT });
        await bucket.remove(key);
        expect(await bucket.get(key)).toBeUndefined();
        expect(await bucket.head(key)).toBeUndefined();
      });

      it("are replaced whole by the next put", async () => {
        const key = newKey();
        await bucket.put(key, { bytes: bytes("a longer first text"), contentType: TEXT });
        await bucket.put(key, { bytes: bytes("short"), contentType: "text/csv" });
        expect(await bucket.get(key)).toEqual({ bytes: bytes("short"), contentType: "text/csv" });
      });

      it("may stand under a key that is also the beginning of other keys", async () => {
        const key = newKey();
        await bucket.put(key, { bytes: bytes("1"), contentType: TEXT });
        await bucket.put(`${key}/deeper`, { bytes: bytes("2"), contentType: TEXT });
        await bucket.remove(key);
        expect(Buffer.from((await bucket.get(`${key}/deeper`))?.bytes ?? []).toString()).toBe("2");
      });

      it("are listed by prefix in order, a thousand at a time", async () => {
        const prefix = `list-${process.pid}-${Date.now()}/`;
        const keys = Array.from({ length: 1_005 }, (_, i) => `${prefix}${String(i).padStart(5, "0")}`);
        for (let from = 0; from < keys.length; from += 50) {
          await Promise.all(
            keys.slice(from, from + 50).map((key) => bucket.put(key, { bytes: bytes("x"), contentType: TEXT })),
          );
        }
        const first = await bucket.list(prefix);
        expect(first.keys).toEqual(keys.slice(0, 1_000));
        const second = await bucket.list(prefix, first.next);
        expect(second).toEqual({ keys: keys.slice(1_000) });
        expect(await bucket.list(`${prefix}0000`)).toEqual({ keys: keys.slice(0, 10) });
        expect(await bucket.list(`${prefix}none`)).toEqual({ keys: [] });
      }, 60_000);

      it("have keys that cannot leave the bucket", async () => {
        for (const key of [
          "",
          "/",
          "/a",
          "a/",
          "a//b",
          "..",
          "a/../b",
          "./a",
          "a\\b",
          "a b",
          "甲",
          "a%2e",
          "~a",
          "a\u0000",
          "x".repeat(201),
          `${"x/".repeat(600)}x`,
        ]) {
          expect(await refusal(bucket.put(key, { bytes: bytes("x"), contentType: TEXT }))).toBe("invalid OBJECT_KEY");
          expect(await refusal(bucket.get(key))).toBe("invalid OBJECT_KEY");
          expect(await refusal(bucket.signDownload({ key, fileName: "a", seconds: 60 }))).toBe("invalid OBJECT_KEY");
        }
      });
    });

    describe("upload links", () => {
      it("let a stranger store exactly what was announced", async () => {
        const key = newKey();
        const content = bytes("evidence 证据");
        const link = await sign(key, content, { sha256: sha256(content) });
        expect(Date.parse(link.expiresAt)).toBeGreaterThan(Date.now());
        expect((await upload(link, content)).status).toBe(200);
        expect(await bucket.get(key)).toEqual({ bytes: content, contentType: TEXT });
      });

      it("refuse more and fewer bytes than announced, and store nothing", async () => {
        const key = newKey();
        const link = await sign(key, bytes("12345"));
        for (const other of ["123456", "1234", "", "1".repeat(100_000)]) {
          const { status } = await upload(link, bytes(other));
          expect(status).toBeGreaterThanOrEqual(400);
          expect(status).toBeLessThan(500);
        }
        expect(await bucket.head(key)).toBeUndefined();
      });

      it("refuse another type and another checksum, and store nothing", async () => {
        const key = newKey();
        const content = bytes("12345");
        const link = await sign(key, content, { sha256: sha256(content) });
        expect((await upload(link, content, { "content-type": "text/html" })).ok).toBe(false);
        expect((await upload(link, bytes("54321"))).ok).toBe(false);
        expect(await bucket.head(key)).toBeUndefined();
      });

      it("are good for one key, one method and one wording only", async () => {
        const key = newKey();
        const content = bytes("12345");
        const link = await sign(key, content);
        const elsewhere = { ...link, url: link.url.replace("file.txt", "other.txt") };
        expect(elsewhere.url).not.toBe(link.url);
        expect((await upload(elsewhere, content)).status).toBe(403);
        const url = new URL(link.url);
        for (const [name, value] of url.searchParams) {
          const changed = new URL(url);
          changed.searchParams.set(name, `${value.slice(0, -2)}${value.endsWith("aa") ? "bb" : "aa"}`);
          expect((await upload({ ...link, url: changed.href }, content)).ok).toBe(false);
        }
        expect((await opened.send(new Request(link.url))).ok).toBe(false);
        expect((await opened.send(new Request(link.url, { method: "DELETE" }))).ok).toBe(false);
        expect(await bucket.head(key)).toBeUndefined();
        expect(await bucket.head(key.replace("file.txt", "other.txt"))).toBeUndefined();
      });

      it("end when their time is over", async () => {
        const key = newKey();
        const content = bytes("12345");
        opened.shiftClock(-3_600);
        const link = await bucket.signUpload({ key, contentType: TEXT, size: content.byteLength, seconds: 60 });
        const download = await bucket.signDownload({ key, fileName: "a.txt", seconds: 60 });
        opened.shiftClock(0);
        expect((await upload(link, content)).status).toBe(403);
        expect((await opened.send(new Request(download))).status).toBe(403);
        expect(await bucket.head(key)).toBeUndefined();
      });

      it("live between a minute and a day", async () => {
        for (const seconds of [0, 59, 86_401, Number.NaN]) {
          const upload = bucket.signUpload({ key: newKey(), contentType: TEXT, size: 1, seconds });
          expect(await refusal(upload)).toBe("invalid LINK_SECONDS");
          const download = bucket.signDownload({ key: newKey(), fileName: "a", seconds });
          expect(await refusal(download)).toBe("invalid LINK_SECONDS");
        }
      });
    });

    describe("download links", () => {
      it("serve the object as an attachment under its name, never inline", async () => {
        const key = newKey();
        await bucket.put(key, { bytes: bytes("<script>1</script>"), contentType: "text/html" });
        for (const fileName of ["证据 1.html", 'a"b\\c.html', "plain.html", "line\r\nbreak: x.html"]) {
          const answer = await opened.send(new Request(await bucket.signDownload({ key, fileName, seconds: 60 })));
          expect(answer.status).toBe(200);
          expect(await answer.text()).toBe("<script>1</script>");
          const disposition = answer.headers.get("content-disposition") ?? "";
          expect(disposition).toMatch(/^attachment; filename="[^"\\\r\n]*"; filename\*=UTF-8''[!-~]+$/);
          expect(decodeURIComponent(disposition.split("UTF-8''")[1] ?? "")).toBe(fileName);
        }
      });

      it("say so when there is no such object, and show no other", async () => {
        const [there, absent] = [newKey(), newKey()];
        await bucket.put(there, { bytes: bytes("secret"), contentType: TEXT });
        const link = await bucket.signDownload({ key: absent, fileName: "a.txt", seconds: 60 });
        expect((await opened.send(new Request(link))).status).toBe(404);
        const other = await opened.send(new Request(link.replace(absent, there)));
        expect(other.status).toBe(403);
        expect(await other.text()).not.toContain("secret");
        expect((await opened.send(new Request(link.split("?")[0] ?? ""))).status).toBe(403);
      });
    });
  });
}
