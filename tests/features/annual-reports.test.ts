import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN, testApp, testClock } from "#tests/app.ts";
import { samplePage } from "#tests/samples/annual-report-page.ts";

/** A real page, kept beside the project and not in it. */
const REAL = "../shared/seed/annual-report-page-2021.txt";
const USCC = "12610424436900018C";
const OPINION = { truthful: true, confidentialityChecked: true, mayPublish: true, signer: "林二" };

type Report = Record<string, unknown> & {
  id: string;
  version: number;
  state: string;
  contentHash: string;
  announcementId: string;
  warnings: { code: string; pointer?: string; detail: string; days?: number }[];
  errors: { pointer: string; code: string }[];
};
type Reply = { status: number; etag: string; headers: Headers; body: Report };
type Person = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Reply>;

const worlds: ReturnType<typeof testApp>[] = [];
afterAll(async () => {
  for (const world of worlds) await world.platform.stop();
});

let admin: Person;
let clerk: Person;
let sponsor: Person;
let registrar: Person;
let stranger: Person;
let nobody: Person;

beforeEach(async () => {
  const world = testApp({ clock: testClock() });
  worlds.push(world);
  const person = (token?: string): Person => {
    return async (method, path, body, headers = {}) => {
      const type: Record<string, string> =
        typeof body === "string" ? { "content-type": "text/plain; charset=utf-8" } : {};
      const answer = await world.ask(method, `/api/v1${path}`, {
        ...(body === undefined ? {} : { body }),
        ...(token === undefined ? {} : { token }),
        headers: { ...type, ...headers },
      });
      const { status, text } = answer;
      const etag = answer.headers.get("etag") ?? "";
      return { status, etag, headers: answer.headers, body: (text === "" ? {} : JSON.parse(text)) as Report };
    };
  };
  admin = person(ADMIN);
  const member = async (roles: string[], unitId?: string) => {
    const made = await admin("POST", "/tokens", { name: roles.join(), roles, ...(unitId ? { unitId } : {}) });
    return person(made.body["token"] as string);
  };
  await admin("PUT", "/units/publicity", { name: "云台县委宣传部" });
  await admin("PUT", "/units/museum", { name: "云台县博物馆" });
  await admin("PUT", "/units/centre", { name: "云台县互联网信息中心", parentId: "publicity", division: "610424" });
  clerk = await member(["clerk"], "centre");
  sponsor = await member(["sponsor"], "publicity");
  registrar = await member(["registrar"]);
  stranger = await member(["clerk", "sponsor"], "museum");
  nobody = person();
});

async function imported(text = samplePage()): Promise<Reply> {
  const draft = await clerk("POST", "/annual-reports/import", text);
  expect(draft.status).toBe(201);
  return draft;
}

async function submitted(): Promise<Report> {
  const draft = await imported();
  const path = `/annual-reports/${draft.body.id}`;
  expect((await clerk("PATCH", path, { uscc: USCC }, { "if-match": draft.etag })).status).toBe(200);
  return (await clerk("POST", `${path}/submit`, {})).body;
}

async function published(): Promise<Report> {
  const { id, contentHash } = await submitted();
  const path = `/annual-reports/${id}`;
  await sponsor("POST", `${path}/sponsor-approve`, { contentHash, opinion: OPINION });
  await clerk("POST", `${path}/file`, { contentHash });
  await registrar("POST", `${path}/accept`, { contentHash });
  const done = await registrar("POST", `${path}/publish`, { contentHash });
  expect(done.status).toBe(200);
  return done.body;
}

const refused = ({ status, body }: Reply) => `${status} ${body["code"]}`;
const faults = ({ body }: Reply) => body.errors.map(({ pointer, code }) => `${pointer} ${code}`);
const warned = ({ body }: Reply) => body.warnings.map(({ code }) => code);

describe("from a copied page to an announcement", () => {
  it.skipIf(!existsSync(REAL))(
    "imports the published page of 2021: fifteen fields, sixteen values, its figures",
    async () => {
      await admin("PUT", "/units/centre", { name: "乾县互联网信息中心", parentId: "publicity" });
      const draft = await imported(readFileSync(REAL, "utf8"));
      expect(draft.body).toMatchObject({
        state: "draft",
        unitId: "centre",
        reportYear: 2021,
        uscc: null,
        institutionName: "乾县互联网信息中心",
        purposeAndScope: expect.stringMatching(/^提升群众互联网信息观念.*相对措施等工作。$/),
        registeredAddress: "乾县风水台街43号县委宣传部",
        legalRepresentative: expect.stringMatching(/^\p{Script=Han}{2}$/u),
        registeredCapital: "2.00",
        fundingSource: "财政全额拨款",
        sponsoringUnit: "中共乾县县委宣传部",
        netAssetsOpening: "1.85",
        netAssetsClosing: "1.80",
        onlineName: "none_declared",
        headcount: 7,
        changeRegistrationCompliance: expect.stringMatching(/^2021年。.*没有违法违规等情况。$/),
        activities: expect.stringMatching(/^2021年度,.*营造良好舆论氛围。$/),
        qualifications: "none_declared",
        rewardsSanctions: "none_declared",
        litigation: "none_declared",
        complaints: "none_declared",
        donations: "none_declared",
        division: "610424",
        originalDate: "2022-05-30T09:39:00.000Z",
        late: true,
        daysLate: 60,
        amounts: {
          registeredCapital: { fen: 2_000_000, text: "2.00万元" },
          netAssetsOpening: { fen: 1_850_000, text: "1.85万元" },
          netAssetsClosing: { fen: 1_800_000, text: "1.80万元" },
        },
      });
      expect([...(draft.body["activities"] as string)]).toHaveLength(1713);
      expect(warned(draft)).toEqual(["LATE", "USCC_MISSING", "CONTRADICTORY_QUALIFIER"]);
      const [late, uscc, qualifier] = draft.body.warnings;
      expect(late?.days).toBe(60);
      expect(late?.detail).toContain("60");
      expect(uscc).toMatchObject({ pointer: "/uscc", detail: expect.stringContaining("统一社会信用代码") });
      expect(qualifier?.detail).toContain("近百余条");
      const figures = draft.body["figures"] as { text: string; value: number; qualifier: string; start: number }[];
      expect(figures).toHaveLength(11);
      expect(figures).toContainEqual({
        value: 112,
        unit: "名",
        qualifier: "exact",
        text: "112名",
        start: (draft.body["activities"] as string).indexOf("112名"),
        contradictory: false,
      });
    },
  );

  it("takes a report through every hand to an announcement that anybody can read", async () => {
    const draft = await imported();
    expect(draft.headers.get("etag")).toMatch(/^"1-/);
    const path = `/annual-reports/${draft.body.id}`;
    expect(faults(await clerk("POST", `${path}/submit`, {}))).toEqual(["/uscc USCC_MISSING"]);
    const completed = await clerk("PATCH", path, { uscc: USCC }, { "if-match": draft.etag });
    expect([completed.status, completed.etag.slice(0, 3)]).toEqual([200, '"2-']);
    expect(warned(completed)).not.toContain("USCC_MISSING");

    const { contentHash } = (await clerk("POST", `${path}/submit`, {})).body;
    expect(refused(await clerk("POST", `${path}/sponsor-approve`, { contentHash, opinion: OPINION }))).toBe(
      "403 FORBIDDEN",
    );
    const other = { contentHash: "0".repeat(64), opinion: OPINION };
    expect(refused(await sponsor("POST", `${path}/sponsor-approve`, other))).toBe("409 CONTENT_HASH_MISMATCH");
    expect(refused(await clerk("POST", `${path}/file`, {}))).toBe("409 SPONSOR_OPINION_MISSING");
    const approved = await sponsor("POST", `${path}/sponsor-approve`, { contentHash, opinion: OPINION });
    expect(approved.body).toMatchObject({ state: "sponsor_approved", opinion: { signer: "林二", contentHash } });
    expect((await clerk("POST", `${path}/file`, { contentHash })).body.state).toBe("filed");
    expect(refused(await clerk("POST", `${path}/accept`, {}))).toMatch(/^403 /);
    const waiting = (await registrar("GET", "/annual-reports")).body as unknown as { items: Report[] };
    expect(waiting.items.map(({ id, state }) => [id, state])).toEqual([[draft.body.id, "filed"]]);
    expect((await registrar("POST", `${path}/accept`, { contentHash })).body.state).toBe("accepted");
    expect(refused(await registrar("POST", `${path}/publish`, other))).toBe("422 INPUT");
    const done = await registrar("POST", `${path}/publish`, { contentHash });
    expect(done.body).toMatchObject({ state: "published", revision: 1, contentHash });

    const announcement = await nobody("GET", `/announcements/${done.body.announcementId}`);
    expect(announcement.status).toBe(200);
    expect(JSON.stringify(announcement.body)).toContain("云台县互联网信息中心2021年度报告");
    const list = (await nobody("GET", "/announcements?column=annual-reports")).body as unknown as { items: Report[] };
    expect(list.items.map(({ id }) => id)).toEqual([done.body.announcementId]);
    expect(refused(await registrar("POST", `${path}/publish`, { contentHash }))).toBe("409 STATE");
  });

  it("publishes once when the same request is sent again, and answers the same", async () => {
    const { id, contentHash } = await submitted();
    const path = `/annual-reports/${id}`;
    await sponsor("POST", `${path}/sponsor-approve`, { contentHash, opinion: OPINION });
    await clerk("POST", `${path}/file`, {});
    await registrar("POST", `${path}/accept`, {});
    const key = { "idempotency-key": "publish-report-2021-0001" };
    const first = await registrar("POST", `${path}/publish`, {}, key);
    const again = await registrar("POST", `${path}/publish`, {}, key);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.body).toEqual(first.body);
    const list = (await nobody("GET", "/announcements")).body as unknown as { items: Report[] };
    expect(list.items).toHaveLength(1);
  });

  it("takes a step without a body as one without further words", async () => {
    const { id } = await submitted();
    const returned = await sponsor("POST", `/annual-reports/${id}/sponsor-return`, { reason: "请核对从业人数" });
    expect(returned.body).toMatchObject({ state: "sponsor_returned", returned: { reason: "请核对从业人数" } });
    expect((await clerk("POST", `/annual-reports/${id}/submit`)).body.state).toBe("sponsor_review");
  });
});

describe("what a page lacks", () => {
  it("names every label it cannot find, each as an error of its own", async () => {
    const text = samplePage().replace("住所\n云台县文昌路43号\n", "").replace("网上名称\n无\n", "");
    const answer = await clerk("POST", "/annual-reports/import", text);
    expect(answer.status).toBe(422);
    expect(faults(answer)).toEqual(["/registeredAddress LABEL_NOT_FOUND", "/onlineName LABEL_NOT_FOUND"]);
  });

  it("refuses an amount that is an estimate", async () => {
    const answer = await clerk("POST", "/annual-reports/import", samplePage().replace("2万元", "约2万"));
    expect([answer.status, ...faults(answer)]).toEqual([422, "/registeredCapital AMOUNT_FORMAT"]);
  });

  it("takes nothing but plain text", async () => {
    const answer = await clerk("POST", "/annual-reports/import", { text: samplePage() });
    expect(refused(answer)).toBe("415 CONTENT_TYPE");
  });
});

describe("a draft typed in", () => {
  it("opens with only a year, and says what is missing in the reader's language", async () => {
    const draft = await clerk("POST", "/annual-reports", { reportYear: 2025 }, { "accept-language": "en" });
    expect(draft).toMatchObject({
      status: 201,
      body: { state: "draft", unitId: "centre", late: false, litigation: null },
    });
    expect(draft.body.warnings.find(({ code }) => code === "USCC_MISSING")?.detail).toMatch(/is missing$/);
    expect(warned(draft).filter((code) => code === "MISSING_DECLARATION")).toHaveLength(6);
  });

  it("takes the fields in every usual way of writing and shows them in one", async () => {
    const body = { reportYear: 2025, registeredCapital: "１，０００万元", netAssetsClosing: -0.5, litigation: "无" };
    const draft = await clerk("POST", "/annual-reports", { ...body, donations: "无", uscc: ` ${USCC.toLowerCase()} ` });
    expect(draft.body).toMatchObject({
      registeredCapital: "1000.00",
      netAssetsClosing: "-0.50",
      litigation: "none_declared",
      donations: "none_declared",
      uscc: USCC,
    });
  });

  it("answers with the fields in a form that it takes again", async () => {
    const donation = { donor: "某企业", amount: "1.1", purpose: "购书", used: "0.2", balance: "0.9" };
    const first = await clerk("POST", "/annual-reports", {
      reportYear: 2025,
      netAssetsOpening: "1.85005",
      donations: [donation],
    });
    const { netAssetsOpening, donations, contentHash } = first.body;
    const again = await clerk("POST", "/annual-reports", { reportYear: 2025, netAssetsOpening, donations });
    expect(netAssetsOpening).toBe("1.85005");
    expect(again.body.contentHash).toBe(contentHash);
  });

  it.each([
    [{ reportYear: 2026 }, "/reportYear REPORT_YEAR"],
    [{ reportYear: 1997 }, "/reportYear REPORT_YEAR"],
    [{}, "/reportYear REPORT_YEAR"],
    [{ reportYear: 2025, uscc: "91350100M000100Y4Z" }, "/uscc USCC_CHARSET"],
    [{ reportYear: 2025, uscc: "91350100M000100Y43" }, "/uscc USCC_CLASS"],
    [{ reportYear: 2025, complaints: "" }, "/complaints MISSING_DECLARATION"],
    [{ reportYear: 2025, onlineName: ["yuntai.com"] }, "/onlineName/0 ONLINE_NAME_SUFFIX"],
    [{ reportYear: 2025, headcount: -1 }, "/headcount HEADCOUNT"],
    [{ reportYear: 2025, publisher: "x" }, "/publisher UNKNOWN_KEY"],
  ])("refuses %j with %s", async (body, expected) => {
    const answer = await clerk("POST", "/annual-reports", body);
    expect([answer.status, ...faults(answer)]).toEqual([422, expected]);
  });

  it("takes an earlier year as late and counts the days", async () => {
    const draft = await clerk("POST", "/annual-reports", { reportYear: 2024 });
    expect(draft.body).toMatchObject({ late: true, daysLate: 336, dueDate: "2025-03-31" });
  });
});

describe("who may do what", () => {
  it("does not know a unit's report for people of another unit, nor without a token", async () => {
    const { id } = await submitted();
    const path = `/annual-reports/${id}`;
    expect((await stranger("GET", path)).status).toBe(404);
    expect((await stranger("PATCH", path, { headcount: 1 }, { "if-match": '"1"' })).status).toBe(404);
    expect((await stranger("POST", `${path}/submit`, {})).status).toBe(404);
    expect((await nobody("GET", path)).status).toBe(401);
    expect((await sponsor("GET", path)).status).toBe(200);
    expect((await registrar("GET", path)).status).toBe(200);
    expect((await clerk("GET", "/annual-reports/rep_00000000000000000000000000")).status).toBe(404);
  });

  it("voids the approval when a field is changed afterwards", async () => {
    const { id, contentHash } = await submitted();
    const path = `/annual-reports/${id}`;
    const approved = await sponsor("POST", `${path}/sponsor-approve`, { contentHash, opinion: OPINION });
    const edited = await clerk("PATCH", path, { headcount: 8 }, { "if-match": approved.etag });
    expect(edited.body.state).toBe("draft");
    expect(edited.body["opinion"]).toBeUndefined();
    expect(refused(await clerk("POST", `${path}/file`, { contentHash }))).toBe("409 CONTENT_HASH_MISMATCH");
    expect(refused(await clerk("POST", `${path}/file`, {}))).toBe("409 SPONSOR_OPINION_MISSING");
  });

  it("asks for the version an edit is based on", async () => {
    const draft = await imported();
    const path = `/annual-reports/${draft.body.id}`;
    expect((await clerk("PATCH", path, { headcount: 8 })).status).toBe(428);
    expect((await clerk("PATCH", path, { headcount: 8 }, { "if-match": '"9"' })).status).toBe(412);
    expect((await clerk("PATCH", path, { headcount: 8 }, { "if-match": draft.etag })).status).toBe(200);
  });
});

describe("after the publication", () => {
  it("corrects by a signed revision with a reason", async () => {
    const report = await published();
    const path = `/annual-reports/${report.id}`;
    const prepared = await clerk("PATCH", path, { headcount: 8 }, { "if-match": `"${report.version}"` });
    const { contentHash } = prepared.body;
    const correction = { contentHash, reason: "从业人数误填", opinion: OPINION };
    expect((await sponsor("POST", `${path}/correct`, { contentHash, opinion: OPINION })).status).toBe(422);
    const corrected = await sponsor("POST", `${path}/correct`, correction);
    expect(corrected.body).toMatchObject({ state: "corrected", revision: 2, headcount: 8 });
    const announcement = await nobody("GET", `/announcements/${report.announcementId}`);
    expect(announcement.body["revision"]).toBe(2);
  });

  it("corrects in one step by changes to the content that was read", async () => {
    const { id, contentHash, announcementId } = await published();
    const path = `/annual-reports/${id}/correct`;
    const correction = { contentHash, reason: "从业人数误填", headcount: 8, opinion: OPINION };
    expect(refused(await sponsor("POST", path, { ...correction, contentHash: "0".repeat(64) }))).toBe(
      "409 CONTENT_HASH_MISMATCH",
    );
    const corrected = (await sponsor("POST", path, correction)).body;
    expect(corrected).toMatchObject({ state: "corrected", revision: 2, headcount: 8 });
    expect(corrected["opinion"]).toMatchObject({ contentHash: corrected.contentHash });
    expect(corrected.contentHash).not.toBe(contentHash);
    expect(refused(await sponsor("POST", path, correction))).toBe("409 CONTENT_HASH_MISMATCH");
    const announcement = await nobody("GET", `/announcements/${announcementId}`);
    expect(announcement.body["revision"]).toBe(2);
  });

  it("withdraws with a reason", async () => {
    const { id, announcementId } = await published();
    const path = `/annual-reports/${id}/withdraw`;
    expect(faults(await registrar("POST", path, {}))).toEqual(["/reason REQUIRED"]);
    expect((await registrar("POST", path, { reason: "误发" })).body).toMatchObject({ state: "withdrawn", revision: 2 });
    const list = (await nobody("GET", "/announcements")).body as unknown as { items: Report[] };
    expect(list.items.map((item) => item.id)).not.toContain(announcementId);
  });
});
