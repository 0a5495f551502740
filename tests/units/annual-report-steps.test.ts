import { expect, it } from "vitest";
import { getPublished, listPublished } from "#src/domain/announcements/read.ts";
import { acceptReport } from "#src/domain/annual-reports/accept.ts";
import type { Report } from "#src/domain/annual-reports/annual-report.ts";
import { correctReport } from "#src/domain/annual-reports/correct.ts";
import { draftReport } from "#src/domain/annual-reports/draft.ts";
import { editReport } from "#src/domain/annual-reports/edit.ts";
import { fileReport } from "#src/domain/annual-reports/file.ts";
import { importReport } from "#src/domain/annual-reports/import.ts";
import { publishReport } from "#src/domain/annual-reports/publish.ts";
import { getPublishedReport, getReport, listPublishedReports, listReports } from "#src/domain/annual-reports/read.ts";
import { returnReport } from "#src/domain/annual-reports/return.ts";
import { sponsorApprove } from "#src/domain/annual-reports/sponsor-approve.ts";
import { sponsorReturn } from "#src/domain/annual-reports/sponsor-return.ts";
import { submitReport } from "#src/domain/annual-reports/submit.ts";
import { reportView } from "#src/domain/annual-reports/view.ts";
import { withdrawReport } from "#src/domain/annual-reports/withdraw.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { putUnit } from "#src/domain/units/put-unit.ts";
import { AppError } from "#src/errors.ts";
import { randomIds } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { samplePage } from "#tests/samples/annual-report-page.ts";

const clerk: Caller = { id: "tok_clerk", name: "经办", roles: ["clerk"], unitId: "centre" };
const sponsor: Caller = { id: "tok_sponsor", name: "举办单位", roles: ["sponsor"], unitId: "publicity" };
const registrar: Caller = { id: "tok_registrar", name: "登记", roles: ["registrar"], unitId: "registry" };
const stranger: Caller = { id: "tok_other", name: "别的单位", roles: ["clerk", "sponsor"], unitId: "museum" };

const OPINION = { truthful: true, confidentialityChecked: true, mayPublish: true, signer: "林二" };
const USCC = "12610424436900018C";

async function office() {
  const clock = { at: new Date("2026-03-02T01:00:00.000Z") };
  const now = () => clock.at;
  const { table } = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  const deps = { table, now, newId: randomIds(now) };
  await putUnit(deps, "publicity", { name: "云台县委宣传部" });
  await putUnit(deps, "museum", { name: "云台县博物馆" });
  await putUnit(deps, "registry", { name: "云台县事业单位登记管理局" });
  await putUnit(deps, "centre", { name: "云台县互联网信息中心", parentId: "publicity", division: "610424" });
  const complete = async () => {
    const draft = await importReport(deps, { caller: clerk, text: samplePage() });
    return editReport(deps, { id: draft.id, caller: clerk, version: draft.version, changes: { uscc: USCC } });
  };
  const approved = async () => {
    const report = await complete();
    const { id, contentHash } = await submitReport(deps, { id: report.id, caller: clerk });
    return sponsorApprove(deps, { id, caller: sponsor, contentHash, opinion: OPINION });
  };
  const published = async () => {
    const { id } = await approved();
    await fileReport(deps, { id, caller: clerk });
    await acceptReport(deps, { id, caller: registrar });
    return publishReport(deps, { id, caller: registrar });
  };
  return { clock, deps, complete, approved, published };
}

async function refusal(attempt: Promise<unknown>): Promise<string> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AppError)) throw error ?? new Error("it was not refused");
  return [`${error.kind} ${error.code}`, ...error.errors.map(({ pointer, code }) => `${pointer} ${code}`)].join(", ");
}

it("takes a report from its page to publication and announces it once", async () => {
  const { deps, published } = await office();
  const report = await published();
  expect(report).toMatchObject({ state: "published", revision: 1 });
  expect(report.history.map(({ action }) => action)).toEqual([
    "import",
    "edit",
    "submit",
    "sponsor-approve",
    "file",
    "accept",
    "publish",
  ]);
  const { items } = await listPublished(deps, { list: "column:annual-reports", limit: 10 });
  expect(items.map(({ title, unitName }) => [title, unitName])).toEqual([
    ["云台县互联网信息中心2021年度报告", "云台县互联网信息中心"],
  ]);
  const text = (await getPublished(deps, report.announcementId ?? ""))?.revision.content.body;
  expect(text).toContain("| 资产损益情况·年末数 | 1.80万元 |");
  expect(text).toContain(report.contentHash);
  expect(await refusal(publishReport(deps, { id: report.id, caller: registrar }))).toBe("conflict STATE");
  const shown = await getPublishedReport(deps, report.id);
  expect(shown?.revision).toMatchObject({ kind: "published", contentHash: report.contentHash, opinion: OPINION });
});

it("lets one of two who publish at the same moment do it", async () => {
  const { deps, approved } = await office();
  const { id } = await approved();
  await fileReport(deps, { id, caller: clerk });
  await acceptReport(deps, { id, caller: registrar });
  const both = await Promise.allSettled([1, 2].map(() => publishReport(deps, { id, caller: registrar })));
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect((await listPublished(deps, { list: "all", limit: 10 })).items).toHaveLength(1);
});

it("holds a draft that says too little back from the sponsor, and names every gap", async () => {
  const { deps } = await office();
  const { id, warnings } = await draftReport(deps, {
    caller: clerk,
    report: { reportYear: 2025, litigation: "none_declared" },
  });
  const refused = await refusal(submitReport(deps, { id, caller: clerk }));
  expect(refused).toContain("invalid INPUT, /institutionName TEXT_TOO_SHORT, /uscc USCC_MISSING");
  expect(refused).toContain("/complaints MISSING_DECLARATION");
  expect(refused).not.toContain("/litigation");
  expect(warnings.map(({ code }) => code)).toContain("USCC_MISSING");
});

it("warns of another name than the unit's, and holds a report back that differs from the registry", async () => {
  const { deps, complete } = await office();
  const { id, version } = await complete();
  const changes = { institutionName: "云台县网信中心" };
  const edited = await editReport(deps, { id, caller: clerk, version, changes });
  expect(edited.warnings.map(({ code }) => code)).toContain("REGISTRY_MISMATCH");
  await putUnit(deps, "centre", {
    name: "云台县互联网信息中心",
    uscc: "12610424100000059Y",
    registry: { institutionName: "云台县互联网信息中心", legalRepresentative: "林 一" },
  });
  expect(await refusal(submitReport(deps, { id, caller: clerk }))).toBe(
    "invalid INPUT, /uscc REGISTRY_MISMATCH, /institutionName REGISTRY_MISMATCH",
  );
});

it("files nothing that the sponsor has not approved as it stands", async () => {
  const { deps, complete, approved } = await office();
  const open = await complete();
  expect(await refusal(fileReport(deps, { id: open.id, caller: clerk }))).toBe("conflict SPONSOR_OPINION_MISSING");
  const report = await approved();
  const other = { id: report.id, caller: clerk, contentHash: "0".repeat(64) };
  expect(await refusal(fileReport(deps, other))).toBe("conflict CONTENT_HASH_MISMATCH");
  const changes = { headcount: 8 };
  const edited = await editReport(deps, { id: report.id, caller: clerk, version: report.version, changes });
  expect(edited).toMatchObject({ state: "draft" });
  expect(edited.opinion).toBeUndefined();
  expect(edited.contentHash).not.toBe(report.contentHash);
  expect(await refusal(fileReport(deps, { id: report.id, caller: clerk }))).toBe("conflict SPONSOR_OPINION_MISSING");
  const old = { id: report.id, caller: clerk, contentHash: report.contentHash };
  expect(await refusal(fileReport(deps, old))).toBe("conflict CONTENT_HASH_MISMATCH");
});

it("keeps an approval when an edit changes nothing", async () => {
  const { deps, approved } = await office();
  const report = await approved();
  const changes = { headcount: 7 };
  const same = await editReport(deps, { id: report.id, caller: clerk, version: report.version, changes });
  expect(same).toEqual(report);
});

it("takes the sponsor's signature only on the text that stands, with all three statements", async () => {
  const { deps, complete } = await office();
  const { id } = await complete();
  const { contentHash } = await submitReport(deps, { id, caller: clerk });
  const sign = (caller: Caller, hash: string, opinion = OPINION) =>
    refusal(sponsorApprove(deps, { id, caller, contentHash: hash, opinion }));
  expect(await sign(sponsor, "f".repeat(64))).toBe("conflict CONTENT_HASH_MISMATCH");
  expect(await sign(sponsor, contentHash, { ...OPINION, mayPublish: false })).toBe(
    "invalid INPUT, /opinion/mayPublish SPONSOR_OPINION",
  );
  expect(await sign(clerk, contentHash)).toBe("forbidden FORBIDDEN");
  expect(await sign(stranger, contentHash)).toBe("not-found NOT_FOUND");
  expect(await sign(registrar, contentHash)).toBe("forbidden FORBIDDEN");
});

it("lets the sponsor of the unit above see and sign, nobody of another unit", async () => {
  const { deps, complete } = await office();
  const { id } = await complete();
  expect((await getReport(deps, sponsor, id)).id).toBe(id);
  expect((await getReport(deps, registrar, id)).id).toBe(id);
  expect(await refusal(getReport(deps, stranger, id))).toBe("not-found NOT_FOUND");
  const ofCentre = { unitId: "centre", limit: 10 };
  expect((await listReports(deps, sponsor, ofCentre)).items.map((row) => row.id)).toEqual([id]);
  expect(await refusal(listReports(deps, stranger, ofCentre))).toBe("invalid INPUT, /unitId UNIT_UNKNOWN");
  expect(await refusal(submitReport(deps, { id, caller: sponsor }))).toBe("forbidden FORBIDDEN");
  expect(await refusal(editReport(deps, { id, caller: stranger, version: 2, changes: {} }))).toBe(
    "not-found NOT_FOUND",
  );
  const ownSponsor: Caller = { ...sponsor, unitId: "centre" };
  const { contentHash } = await submitReport(deps, { id, caller: clerk });
  const signed = await sponsorApprove(deps, { id, caller: ownSponsor, contentHash, opinion: OPINION });
  expect(signed.state).toBe("sponsor_approved");
});

it("goes back from the sponsor and from the registrar with reasons, and is signed anew", async () => {
  const { deps, complete, approved } = await office();
  const draft = await complete();
  await submitReport(deps, { id: draft.id, caller: clerk });
  const fields = [{ pointer: "/headcount", reason: "与编制数不符" }];
  const back = await sponsorReturn(deps, { id: draft.id, caller: sponsor, reason: "请核对", fields });
  expect(back).toMatchObject({ state: "sponsor_returned", returned: { by: "sponsor", reason: "请核对", fields } });
  expect((await submitReport(deps, { id: draft.id, caller: clerk })).returned).toBeUndefined();

  const { id } = await approved();
  await fileReport(deps, { id, caller: clerk });
  expect(await refusal(returnReport(deps, { id, caller: clerk, reason: "x" }))).toBe("forbidden FORBIDDEN");
  const returned = await returnReport(deps, { id, caller: registrar, reason: "缺少附件说明" });
  expect(returned).toMatchObject({ state: "returned", returned: { by: "registrar" } });
  expect([returned.opinion, returned.filedAt]).toEqual([undefined, undefined]);
  expect((await submitReport(deps, { id, caller: clerk })).state).toBe("sponsor_review");
});

it("refuses a step out of its turn", async () => {
  const { deps, complete, published } = await office();
  const { id } = await complete();
  expect(await refusal(acceptReport(deps, { id, caller: registrar }))).toBe("conflict STATE");
  expect(await refusal(publishReport(deps, { id, caller: registrar }))).toBe("conflict STATE");
  expect(await refusal(withdrawReport(deps, { id, caller: sponsor, reason: "x" }))).toBe("conflict STATE");
  const done = await published();
  expect(await refusal(fileReport(deps, { id: done.id, caller: clerk }))).toBe("conflict STATE");
  expect(await refusal(submitReport(deps, { id: done.id, caller: clerk }))).toBe("conflict STATE");
});

it("corrects a published report by a signed next revision and keeps the old text readable", async () => {
  const { deps, clock, published } = await office();
  const first = await published();
  const before = await getPublishedReport(deps, first.id);
  clock.at = new Date("2026-03-09T01:00:00.000Z");
  const prepared = await editReport(deps, {
    id: first.id,
    caller: clerk,
    version: first.version,
    changes: { headcount: 8 },
  });
  expect(prepared.state).toBe("published");
  expect((await getPublishedReport(deps, first.id))?.revision.fields.headcount).toBe(7);
  const correct = (caller: Caller, contentHash: string, opinion?: typeof OPINION) =>
    correctReport(deps, {
      id: first.id,
      caller,
      contentHash,
      reason: "从业人数误填",
      changes: {},
      ...(opinion ? { opinion } : {}),
    });
  expect(await refusal(correct(clerk, prepared.contentHash, OPINION))).toBe("forbidden FORBIDDEN");
  expect(await refusal(correct(sponsor, first.contentHash, OPINION))).toBe("conflict CONTENT_HASH_MISMATCH");
  expect(await refusal(correct(sponsor, prepared.contentHash))).toBe("conflict SPONSOR_OPINION_MISSING");
  const second = await correct(sponsor, prepared.contentHash, OPINION);
  expect(second).toMatchObject({ state: "corrected", revision: 2, announcementId: first.announcementId });
  expect(await refusal(correct(sponsor, second.contentHash, OPINION))).toBe("conflict NO_CHANGE");

  const shown = await getPublishedReport(deps, first.id);
  expect(shown?.history.map(({ revision, kind, reason }) => [revision, kind, reason])).toEqual([
    [2, "corrected", "从业人数误填"],
    [1, "published", undefined],
  ]);
  expect(shown?.revision).toMatchObject({ firstPublishedAt: first.publishedAt, publishedAt: clock.at.toISOString() });
  expect((await getPublishedReport(deps, first.id, 1))?.revision).toEqual(before?.revision);
  const announced = await getPublished(deps, first.announcementId ?? "");
  expect(announced?.revision).toMatchObject({ revision: 2, kind: "corrected", reason: "从业人数误填" });
  const { items } = await listPublishedReports(deps, { limit: 10 });
  expect(items).toMatchObject([{ id: first.id, revision: 2, kind: "corrected" }]);
});

it("withdraws a report with its reason and forgets nothing", async () => {
  const { deps, published } = await office();
  const { id, announcementId = "" } = await published();
  expect(await refusal(withdrawReport(deps, { id, caller: clerk, reason: "误发" }))).toBe("forbidden FORBIDDEN");
  const withdrawn = await withdrawReport(deps, { id, caller: registrar, reason: "误发" });
  expect(withdrawn).toMatchObject({ state: "withdrawn", revision: 2 });
  expect((await getPublishedReport(deps, id))?.revision).toMatchObject({ kind: "withdrawn", reason: "误发" });
  expect((await getPublished(deps, announcementId))?.revision).toMatchObject({ kind: "withdrawn", reason: "误发" });
  expect((await listPublished(deps, { list: "all", limit: 10 })).items).toEqual([]);
  const edit = editReport(deps, { id, caller: clerk, version: withdrawn.version, changes: { headcount: 1 } });
  expect(await refusal(edit)).toBe("conflict STATE");
});

it("refuses an edit on an old version and a year that is not over", async () => {
  const { deps, clock, complete } = await office();
  const { id, version } = await complete();
  const edit = (changes: object, on = version) => editReport(deps, { id, caller: clerk, version: on, changes });
  expect(await refusal(edit({ headcount: 8 }, version - 1))).toBe("stale VERSION");
  expect(await refusal(edit({ reportYear: 2026 }))).toBe("invalid INPUT, /reportYear REPORT_YEAR");
  expect(await refusal(edit({ uscc: "12610424436900018D" }))).toBe("invalid INPUT, /uscc USCC_CHECK");
  expect(await refusal(edit({ uscc: "91350100M000100Y43" }))).toBe("invalid INPUT, /uscc USCC_CLASS");
  clock.at = new Date("2026-12-31T16:00:00Z");
  expect((await edit({ reportYear: 2026 })).fields.reportYear).toBe(2026);
});

it("moves a report to its new year in the unit's list", async () => {
  const { deps, complete } = await office();
  const { id, version } = await complete();
  await editReport(deps, { id, caller: clerk, version, changes: { reportYear: 2024 } });
  const { items } = await listReports(deps, clerk, { limit: 10 });
  expect(items.map((row) => [row.id, row.reportYear])).toEqual([[id, 2024]]);
  expect((await listReports(deps, clerk, { year: 2021, limit: 10 })).items).toEqual([]);
});

it("shows a registrar what waits for a decision, of every unit", async () => {
  const { deps, approved } = await office();
  const { id } = await approved();
  await fileReport(deps, { id, caller: clerk });
  expect((await listReports(deps, registrar, { limit: 10 })).items.map((row) => row.id)).toEqual([id]);
  await acceptReport(deps, { id, caller: registrar });
  expect((await listReports(deps, registrar, { limit: 10 })).items).toEqual([]);
});

it("compares the opening figure with the closing one of the report published for the year before", async () => {
  const { deps, published } = await office();
  await published();
  const next = (netAssetsOpening: number) =>
    draftReport(deps, { caller: clerk, report: { reportYear: 2022, netAssetsOpening } });
  const codes = ({ warnings }: Report) => warnings.map(({ code }) => code);
  expect(codes(await next(1_800_000))).not.toContain("OPENING_NE_PRIOR");
  expect(codes(await next(1_850_000))).toContain("OPENING_NE_PRIOR");
});

it("warns when a report on the same year is published already", async () => {
  const { deps, published, complete } = await office();
  const first = await published();
  const codes = ({ warnings }: Report) => warnings.map(({ code }) => code);
  expect(codes(await complete())).toContain("YEAR_ALREADY_PUBLISHED");
  const changes = { headcount: 8 };
  const own = await editReport(deps, { id: first.id, caller: clerk, version: first.version, changes });
  expect(codes(own)).not.toContain("YEAR_ALREADY_PUBLISHED");
});

it("reckons a late report from its filing, an imported one from its page's own publication", async () => {
  const { deps, clock, complete } = await office();
  const imported = reportView(await complete(), clock.at);
  expect(imported).toMatchObject({ late: true, daysLate: 60, dueDate: "2022-03-31", division: "610424" });
  expect(imported.warnings[0]).toMatchObject({ code: "LATE", days: 60 });
  const draft = await draftReport(deps, { caller: clerk, report: { reportYear: 2025 } });
  expect(reportView(draft, clock.at)).toMatchObject({ late: false, daysLate: 0 });
  expect(reportView(draft, new Date("2026-04-02T01:00:00Z"))).toMatchObject({ late: true, daysLate: 2 });
});

it("finds the unit by the institution's name for somebody who acts for all of them", async () => {
  const { deps } = await office();
  const admin: Caller = { id: "tok_admin", name: "管理员", roles: ["admin"] };
  expect((await importReport(deps, { caller: admin, text: samplePage() })).unitId).toBe("centre");
  const other = samplePage().replaceAll("云台县互联网信息中心", "云台县不存在的中心");
  expect(await refusal(importReport(deps, { caller: admin, text: other }))).toBe(
    "invalid INPUT, /unitId UNIT_REQUIRED",
  );
  const named = { caller: clerk, report: { reportYear: 2025, unitId: "museum" } };
  expect(await refusal(draftReport(deps, named))).toBe("invalid INPUT, /unitId UNIT_UNKNOWN");
});
