import { describe, expect, it } from "vitest";
import { parseRevision } from "#src/domain/announcements/store.ts";
import { alarmDuty, dutyAlarms } from "#src/domain/cases/alarm-duty.ts";
import { sniffedType } from "#src/domain/cases/attachment.ts";
import { admittedKey, admitUploads, uploadKey } from "#src/domain/cases/attachments.ts";
import { NewCase } from "#src/domain/cases/case.ts";
import { CASE_FEED } from "#src/domain/cases/feed.ts";
import { newReceipt, readReceipt } from "#src/domain/cases/receipt.ts";
import { caseStatus } from "#src/domain/cases/status.ts";
import { parseCase } from "#src/domain/cases/store.ts";
import { submit } from "#src/domain/cases/submit.ts";
import { defanged } from "#src/domain/cases/web-address.ts";
import { readFault } from "#src/errors.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { CASE_SHARDS, keys } from "#src/platform/keys.ts";
import type { Item, Key, Table } from "#src/platform/table.ts";

const REPORT = { type: "scam_site", title: "假冒医保网站", description: "该网站冒充医保局骗取银行卡号。" };

function desk() {
  const clock = { at: new Date("2026-02-13T02:00:00.000Z") };
  const now = () => clock.at;
  const platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  const told: Item[] = [];
  platform.feed(async (changes) => {
    told.push(...changes.map(({ item }) => item));
    return { failed: [] };
  });
  const deps = {
    table: platform.table,
    bucket: platform.bucket,
    now,
    log: silentLog,
    baseUrl: "https://gaoshi.example",
  };
  const send = (more: object = {}) => submit(deps, NewCase.parse({ ...REPORT, ...more }));
  const stored = async (number: string) => (await deps.table.get(keys.case(number))) as Item;
  return { clock, deps, told, send, stored };
}

function refusal(input: object): [string, string][] {
  const { error } = NewCase.safeParse({ ...REPORT, ...input });
  return (error?.issues ?? []).map((issue) => [issue.path.join("/"), readFault(issue.message)?.code ?? issue.code]);
}

describe("what is sent in", () => {
  it.each<[string, object, string, string]>([
    ["a type that does not exist", { type: "gossip" }, "type", "CASE_TYPE"],
    ["no type", { type: undefined }, "type", "CASE_TYPE"],
    ["a title of three characters", { title: " 短标题 " }, "title", "TITLE_LENGTH"],
    ["a title of 81 characters", { title: "长".repeat(81) }, "title", "TITLE_LENGTH"],
    ["three emoji as a title", { title: "😀😀😀" }, "title", "TITLE_LENGTH"],
    ["a description of nine characters", { description: "九个字的情况说明啊" }, "description", "DESCRIPTION_LENGTH"],
    ["a description of 4,001", { description: "长".repeat(4001) }, "description", "DESCRIPTION_LENGTH"],
    ["HTML in the description", { description: "请看这里 <a href=x>链接</a>" }, "description", "HTML_NOT_ALLOWED"],
    ["HTML in the title", { title: "标题<script>" }, "title", "HTML_NOT_ALLOWED"],
    ["an address of another scheme", { urls: ["ftp://a.example/"] }, "urls/0", "URL_INVALID"],
    ["an address that is none", { urls: ["https://a.example", "http://"] }, "urls/1", "URL_INVALID"],
    ["eleven addresses", { urls: Array(11).fill("https://a.example") }, "urls", "URL_LIMIT"],
    ["a division that does not exist", { division: "999999" }, "division", "DIVISION_UNKNOWN"],
    [
      "a programme as attachment",
      { attachments: [{ name: "a.exe", type: "application/x-msdownload", size: 1 }] },
      "attachments/0/type",
      "ATTACHMENT_TYPE",
    ],
    [
      "21 MB",
      { attachments: [{ name: "a.png", type: "image/png", size: 21 * 2 ** 20 }] },
      "attachments/0/size",
      "ATTACHMENT_LIMIT",
    ],
    [
      "eleven attachments",
      { attachments: Array(11).fill({ name: "a.png", type: "image/png", size: 1 }) },
      "attachments",
      "ATTACHMENT_LIMIT",
    ],
    [
      "a file name with a path",
      { attachments: [{ name: "../a.png", type: "image/png", size: 1 }] },
      "attachments/0/name",
      "ATTACHMENT_NAME",
    ],
    [
      "a contact without the notice",
      { contact: { phone: "13800000000" } },
      "contact/noticeVersion",
      "CONSENT_REQUIRED",
    ],
    ["an empty contact", { contact: { noticeVersion: "1" } }, "contact", "CONTACT_EMPTY"],
  ])("refuses %s", (_, input, path, code) => {
    expect(refusal(input)).toEqual([[path, code]]);
  });

  it("takes the shortest and the longest texts, counted in characters", () => {
    expect(refusal({ title: "四个字啊", description: "十个字的情况说明就好" })).toEqual([]);
    expect(refusal({ title: "😀".repeat(80), description: "😀".repeat(4000) })).toEqual([]);
    expect(refusal({ description: "1 < 2 且 3 > 2,a<5,如此而已" })).toEqual([]);
  });

  it("may be of a county made since the table of divisions ends", () => {
    expect(refusal({ division: "653229" })).toEqual([]);
  });

  it("has no field for a private person's account", () => {
    expect(refusal({ account: "weibo:12345" })).toEqual([["", "unrecognized_keys"]]);
  });

  it("cannot have happened later than five minutes from now", async () => {
    const { send } = desk();
    await expect(send({ occurredAt: "2026-02-13T10:06:00+08:00" })).rejects.toMatchObject({
      kind: "invalid",
      errors: [{ pointer: "/occurredAt", code: "TIME_FUTURE" }],
    });
    await expect(send({ occurredAt: "2026-02-13T10:04:00+08:00" })).resolves.toBeDefined();
  });

  it("may name a unit, which must exist", async () => {
    const { send } = desk();
    await expect(send({ unitId: "nobody" })).rejects.toMatchObject({ errors: [{ code: "UNIT_UNKNOWN" }] });
  });

  it("keeps addresses so that nothing follows them", () => {
    expect(defanged("https://Evil.example.cn:8443/a.b?c=d.e")).toBe("hxxps://Evil[.]example[.]cn:8443/a.b?c=d.e");
    expect(defanged("HTTP://1.2.3.4")).toBe("hxxp://1[.]2[.]3[.]4");
  });
});

describe("a submitted case", () => {
  it("is one item with its receipt, due after five working days of the real calendar", async () => {
    const { send, stored, told } = desk();
    const { id, receipt, dueAt, uploads } = await send({ urls: ["https://evil.example/x"] });
    expect(receipt.number).toMatch(/^20260213-[0-9A-Z]{10}$/);
    expect(id).toBe(`case_${receipt.number.replace("-", "")}`);
    expect(dueAt).toBe("2026-02-27T15:59:59.000Z");
    expect(uploads).toEqual([]);
    const item = await stored(receipt.number);
    expect(item).toMatchObject({
      feed: CASE_FEED,
      state: "received",
      urls: ["hxxps://evil[.]example/x"],
      publish: false,
    });
    expect(JSON.stringify(item)).not.toContain(receipt.secret);
    await expect.poll(() => told.length).toBe(1);
  });

  it("costs one conditional write of at most three units for 2 KB", async () => {
    const { deps } = desk();
    const calls: string[] = [];
    const puts: Item[] = [];
    const table = new Proxy(deps.table, {
      get: (target, name: keyof Table) => {
        const call = target[name] as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          calls.push(name);
          if (name === "write") puts.push(...(args[0] as { put: Item }[]).map(({ put }) => put));
          return call(...args);
        };
      },
    });
    const description = "某某网站自称医保局,".repeat(100).slice(0, 600);
    const input = NewCase.parse({ ...REPORT, description, urls: ["https://evil.example/path"], division: "610424" });
    expect(Buffer.byteLength(JSON.stringify(input))).toBeGreaterThan(1_800);
    await submit({ ...deps, table }, input);
    expect(calls).toEqual(["write"]);
    expect(puts).toHaveLength(1);
    expect(puts[0]?.index).toBeUndefined();
    expect(Buffer.byteLength(JSON.stringify(puts[0]))).toBeLessThan(3 * 1024);
  });

  it("is followed with its receipt, as people type it", async () => {
    const { deps, send } = desk();
    const { receipt } = await send();
    const given = {
      number: ` ${receipt.number.toLowerCase().replace("-", " ")} `,
      secret: receipt.secret.replace(/.{5}/g, "$& ").toLowerCase(),
    };
    expect(await caseStatus(deps, given)).toEqual({
      number: receipt.number,
      type: "scam_site",
      title: "假冒医保网站",
      state: "received",
      receivedAt: "2026-02-13T02:00:00.000Z",
      dueAt: "2026-02-27T15:59:59.000Z",
      provisional: false,
      history: [{ state: "received", at: "2026-02-13T02:00:00.000Z" }],
      attachments: [],
    });
  });

  it("is found by nobody with a wrong pair, after the same reads", async () => {
    const { deps, send } = desk();
    const { receipt } = await send();
    const reads: unknown[] = [];
    const table: Table = { ...deps.table, get: (key) => deps.table.get(reads[reads.push(key) - 1] as Key) };
    for (const pair of [
      { number: receipt.number, secret: newReceipt("2026-02-13", new Date("2026-02-13T01:00:00Z")).secret },
      { number: newReceipt("2026-02-13", new Date("2026-02-13T01:00:00Z")).number, secret: receipt.secret },
      { number: "nonsense", secret: "" },
      { number: "../../etc", secret: receipt.secret },
    ]) {
      reads.length = 0;
      await expect(caseStatus({ ...deps, table }, pair)).rejects.toMatchObject({
        kind: "not-found",
        code: "RECEIPT_UNKNOWN",
      });
      expect(reads).toHaveLength(1);
    }
  });

  it("lies beside those of its moment, and those of a second lie in all shards alike", () => {
    const begin = Date.parse("2026-02-13T01:00:00Z");
    const shardAt = (ms: number) => keys.case(newReceipt("2026-02-13", new Date(begin + ms)).number).pk;
    const counts = new Map<string, number>();
    for (let ms = 0; ms < 1000; ms++) counts.set(shardAt(ms), (counts.get(shardAt(ms)) ?? 0) + 1);
    const shards = Array.from({ length: CASE_SHARDS }, (_, n) => keys.caseShard(n));
    expect([...counts.keys()].toSorted()).toEqual(shards);
    for (const count of counts.values()) expect(Math.abs(count - 1000 / CASE_SHARDS)).toBeLessThan(15);
    expect(new Set(Array.from({ length: 50 }, () => shardAt(7))).size).toBe(1);
  });

  it("has receipts that differ and read back", () => {
    const day = Date.parse("2026-02-12T16:00:00Z");
    const at = (ms: number) => newReceipt("2026-02-13", new Date(day + ms));
    const receipts = Array.from({ length: 1000 }, (_, n) => at(n < 500 ? n : 86_400_000 - 1000 + n));
    const numbers = receipts.map(({ number }) => number);
    expect(numbers.toSorted()).toEqual(numbers);
    expect(new Set(numbers).size).toBe(1000);
    expect(new Set(Array.from({ length: 100 }, () => at(0).number)).size).toBeGreaterThan(95);
    expect(new Set(receipts.map(({ secret }) => secret)).size).toBe(1000);
    for (const receipt of receipts) expect(readReceipt(receipt)).toEqual(receipt);
    const [first] = receipts;
    const misread = (first?.secret ?? "").replaceAll("0", "O").replaceAll("1", "l");
    expect(readReceipt({ number: "", secret: misread }).secret).toBe(first?.secret);
  });
});

const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13]);

describe("an attachment", () => {
  it.each([
    ["image/jpeg", "ffd8ffe000104a46"],
    ["image/png", "89504e470d0a1a0a"],
    ["image/gif", "474946383961"],
    ["image/webp", "524946460000000057454250"],
    ["application/pdf", "255044462d312e37"],
    ["image/heic", "0000001866747970686569630000"],
    ["video/mp4", "00000018667479706d7034320000"],
    [undefined, "504b030414000600"],
    [undefined, "4d5a9000"],
    [undefined, "3c7376672078"],
    [undefined, "3c21444f43"],
    [undefined, ""],
  ])("is a %s by its first bytes", (type, hex) => {
    expect(sniffedType(Buffer.from(hex, "hex"))).toBe(type);
  });

  it("is seen only after its bytes were looked at, and stays what was looked at", async () => {
    const { deps, send } = desk();
    const declared = { name: "证据.png", type: "image/png", size: PNG.byteLength };
    const { receipt, uploads } = await send({ attachments: [declared, { ...declared, name: "假.png" }] });
    expect(uploads).toMatchObject([
      { name: "证据.png", method: "PUT" },
      { name: "假.png", method: "PUT" },
    ]);
    const { number } = receipt;
    const states = async () => (await caseStatus(deps, receipt)).attachments.map(({ state }) => state);
    expect(await states()).toEqual(["expected", "expected"]);
    const upload = (n: number, bytes: Uint8Array) =>
      deps.bucket.put(uploadKey(number, n), { bytes, contentType: "image/png" });
    await upload(0, PNG);
    await upload(1, Buffer.from("<svg onload=1>".slice(0, PNG.byteLength)));
    expect(await states()).toEqual(["expected", "expected"]);
    expect(await admitUploads(deps)).toBe(2);
    expect(await states()).toEqual(["received", "refused"]);
    const other = Uint8Array.from(PNG).fill(7, 8);
    await upload(0, other);
    await admitUploads(deps);
    expect((await deps.bucket.get(admittedKey(number, 0)))?.bytes.slice(8)).toEqual(PNG.slice(8));
    expect(await admitUploads(deps)).toBe(0);
  });

  it("is refused when its size or checksum is another one, or nobody announced it", async () => {
    const { deps, send } = desk();
    const declared = { name: "a.png", type: "image/png" };
    const { receipt } = await send({
      attachments: [
        { ...declared, size: PNG.byteLength + 1 },
        { ...declared, size: PNG.byteLength, sha256: "0".repeat(64) },
      ],
    });
    for (const n of [0, 1, 2])
      await deps.bucket.put(uploadKey(receipt.number, n), { bytes: PNG, contentType: "image/png" });
    await admitUploads(deps);
    expect((await caseStatus(deps, receipt)).attachments.map(({ state }) => state)).toEqual(["refused", "refused"]);
    expect((await deps.bucket.list("case-files/")).keys).toEqual([]);
  });
});

describe("the people on duty", () => {
  const alarms = async (told: Item[]) => told.filter((item) => item["announcementId"] !== undefined).map(parseRevision);

  it("are alarmed once about a case, without what only the reporter may tell", async () => {
    const { deps, send, stored, told } = desk();
    const contact = { name: "李某", phone: "13800000000", noticeVersion: "2026-01" };
    const { receipt } = await send({ contact });
    const item = await stored(receipt.number);
    await alarmDuty(deps, parseCase(item));
    await alarmDuty(deps, parseCase(item));
    await expect.poll(() => told.length).toBe(2);
    const [alarm] = await alarms(told);
    expect(alarm).toMatchObject({
      kind: "published",
      audience: { kind: "internal", topics: ["duty"], endpoints: [] },
      mayBreakQuietHours: true,
      content: { urgency: "urgent", title: `新事项 诈骗网站 ${receipt.number}` },
    });
    expect(alarm?.content.summary).toContain("2026年2月27日");
    expect(alarm?.content.body).toContain(`https://gaoshi.example/console?case=${receipt.number}`);
    expect(JSON.stringify(alarm)).not.toMatch(/李某|13800000000|骗取银行卡号/);
  });

  it("get one alarm for all the rest when more than twenty come in ten minutes, and fresh ones afterwards", async () => {
    const { clock, deps, send, stored, told } = desk();
    const flood = async (count: number) => {
      const items: Item[] = [];
      for (let n = 0; n < count; n++) items.push(await stored((await send()).receipt.number));
      await Promise.all(items.slice(0, 10).map((item) => alarmDuty(deps, parseCase(item))));
      for (const item of [...items.slice(10), ...items]) await alarmDuty(deps, parseCase(item));
    };
    await flood(30);
    await expect.poll(() => told.length).toBe(30 + 21);
    const titles = (await alarms(told)).map(({ content }) => content.title);
    expect(titles.filter((title) => title.startsWith("新事项"))).toHaveLength(20);
    expect(titles.at(-1)).toBe("2026-02-13 10:00起10分钟内新事项超过20件");
    clock.at = new Date("2026-02-13T02:10:00.000Z");
    await flood(1);
    await expect.poll(() => told.length).toBe(51 + 2);
  });

  it("lose no alarm to a flood: not one that is told again, not that of a unit, not the next ten minutes' first", async () => {
    const { clock, deps, send, stored, told } = desk();
    const alarm = dutyAlarms(deps);
    const items: Item[] = [];
    for (let n = 0; n < 23; n++) items.push(await stored((await send()).receipt.number));
    const [first, , , last] = items.slice(0, 1).concat(items.slice(-3));
    for (const item of items) await alarm(item);
    await expect.poll(() => told.length).toBe(23 + 21);
    expect(last && alarm(last)).toBeUndefined();
    const again = first && alarm(first);
    expect(again).toBeInstanceOf(Promise);
    await again;
    await (last && alarm({ ...last, unitId: "unit_1" }));
    const titles = async () => (await alarms(told)).map(({ audience }) => audience);
    await expect.poll(titles).toContainEqual({ kind: "internal", topics: ["duty:unit_1"], endpoints: [] });
    clock.at = new Date("2026-02-13T02:10:00.000Z");
    const next = await stored((await send()).receipt.number);
    expect(alarm(next)).toBeInstanceOf(Promise);
    await expect.poll(async () => JSON.stringify(await alarms(told))).toContain(String(next["number"]));
  });
});
