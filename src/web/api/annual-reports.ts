import { z } from "zod";
import { acceptReport } from "#src/domain/annual-reports/accept.ts";
import { type Report, ReturnReason, SponsorOpinion, STATES } from "#src/domain/annual-reports/annual-report.ts";
import { correctReport } from "#src/domain/annual-reports/correct.ts";
import { draftReport, NewReport } from "#src/domain/annual-reports/draft.ts";
import { editReport } from "#src/domain/annual-reports/edit.ts";
import { FieldChanges } from "#src/domain/annual-reports/fields.ts";
import { fileReport } from "#src/domain/annual-reports/file.ts";
import { importReport } from "#src/domain/annual-reports/import.ts";
import { publishReport } from "#src/domain/annual-reports/publish.ts";
import { getReport, listReports } from "#src/domain/annual-reports/read.ts";
import { returnReport } from "#src/domain/annual-reports/return.ts";
import { ReportRow } from "#src/domain/annual-reports/rows.ts";
import { sponsorApprove } from "#src/domain/annual-reports/sponsor-approve.ts";
import { sponsorReturn } from "#src/domain/annual-reports/sponsor-return.ts";
import { submitReport } from "#src/domain/annual-reports/submit.ts";
import { withdrawReport } from "#src/domain/annual-reports/withdraw.ts";
import type { Caller, Role } from "#src/domain/members/member.ts";
import { UnitId } from "#src/domain/units/unit.ts";
import { fault } from "#src/errors.ts";
import type { Commit } from "#src/platform/table.ts";
import type { Text } from "#src/text.ts";
import { AnnualReport, reportAnswer } from "./annual-report-answer.ts";
import type { PlainDeps } from "./deps.ts";
import { listed, nextOf, PAGE, pageSchema } from "./list.ts";
import { once } from "./once.ts";
import { ifMatch, languageOf, type Route, route } from "./route.ts";

const contentHash = z.string().max(128);
const reason = z
  .string()
  .trim()
  .min(1, fault("REASON_REQUIRED", "请说明理由", "a reason is needed"))
  .max(2000, fault("REASON_LENGTH", "理由不得超过2000个字", "the reason must have at most 2,000 characters"));

const OnContent = z.strictObject({ contentHash: contentHash.exactOptional() });
const Approval = z.strictObject({ contentHash, opinion: SponsorOpinion });
const Return = z.strictObject({
  contentHash: contentHash.exactOptional(),
  reason,
  fields: z.array(ReturnReason).max(50).exactOptional(),
});
const Withdrawal = z.strictObject({ contentHash: contentHash.exactOptional(), reason });
const Correction = z.strictObject({
  ...FieldChanges.shape,
  contentHash,
  reason,
  opinion: SponsorOpinion.exactOptional(),
});
const Query = z.strictObject({
  ...PAGE,
  unit: z.string().max(64).exactOptional(),
  year: z.coerce.number().int().min(1998).max(9999).exactOptional(),
  state: z.enum(STATES).exactOptional(),
});

const PEOPLE = ["clerk", "sponsor", "registrar", "editor", "reviewer"] as const;

type StepDeps = PlainDeps & { commit: Commit<Report> };

export function annualReportRoutes(deps: PlainDeps): Route[] {
  /** A move of the state machine: who may, what it says, the verb. */
  function step<const Name extends string, Body extends z.ZodType<object>>(
    name: Name,
    who: readonly [Role, ...Role[]],
    summary: Text,
    body: Body,
    verb: (deps: StepDeps, input: z.output<Body> & { id: string; caller: Caller }) => Promise<Report>,
  ): Route {
    const path = `/annual-reports/{id}/${name}` as const;
    return route(
      {
        method: "post",
        path,
        who,
        tag: "annual reports",
        summary,
        body,
        creates: true,
        answers: { 200: AnnualReport },
      },
      (call) => {
        const { id } = call.params as { id: string };
        return once(
          deps,
          call,
          (commit) => verb({ ...deps, commit }, { ...call.body, id, caller: call.caller }),
          (report) => reportAnswer(200, report, deps.now(), languageOf(call.c)),
        );
      },
    );
  }

  return [
    route(
      {
        method: "post",
        path: "/annual-reports",
        who: ["clerk"],
        tag: "annual reports",
        summary: { zh: "起草年度报告", en: "Open a draft" },
        body: NewReport,
        creates: true,
        answers: { 201: AnnualReport },
      },
      (call) =>
        once(
          deps,
          call,
          (commit) => draftReport({ ...deps, commit }, { caller: call.caller, report: call.body }),
          (report) => reportAnswer(201, report, deps.now(), languageOf(call.c)),
        ),
    ),
    route(
      {
        method: "post",
        path: "/annual-reports/import",
        who: ["clerk"],
        tag: "annual reports",
        summary: { zh: "导入已公示报告的页面文字", en: "Make a draft of the text of a published page" },
        text: ["text/plain"],
        query: z.strictObject({ unit: UnitId.exactOptional() }),
        creates: true,
        answers: { 201: AnnualReport },
      },
      (call) => {
        const { unit } = call.query;
        const input = { caller: call.caller, text: call.text, ...(unit === undefined ? {} : { unitId: unit }) };
        return once(
          deps,
          call,
          (commit) => importReport({ ...deps, commit }, input),
          (report) => reportAnswer(201, report, deps.now(), languageOf(call.c)),
        );
      },
    ),
    route(
      {
        method: "get",
        path: "/annual-reports",
        who: PEOPLE,
        tag: "annual reports",
        summary: { zh: "单位的年度报告；登记管理机关的待办", en: "A unit's reports; what waits for a registrar" },
        query: Query,
        answers: { 200: pageSchema(ReportRow) },
      },
      async (call) => {
        const { unit, year, state } = call.query;
        const query = {
          ...nextOf(call),
          ...(unit === undefined ? {} : { unitId: unit }),
          ...(year === undefined ? {} : { year }),
          ...(state === undefined ? {} : { state }),
        };
        return listed(deps, call, await listReports(deps, call.caller, query));
      },
    ),
    route(
      {
        method: "get",
        path: "/annual-reports/{id}",
        who: PEOPLE,
        tag: "annual reports",
        summary: { zh: "读取年度报告", en: "Read a report" },
        answers: { 200: AnnualReport },
      },
      async ({ c, caller, params }) =>
        reportAnswer(200, await getReport(deps, caller, params.id), deps.now(), languageOf(c)),
    ),
    route(
      {
        method: "patch",
        path: "/annual-reports/{id}",
        who: ["clerk"],
        tag: "annual reports",
        summary: { zh: "修改（审查意见随之失效）", en: "Change fields; an approval becomes void" },
        body: FieldChanges,
        edits: true,
        answers: { 200: AnnualReport },
      },
      async (call) => {
        const { id } = call.params;
        const report = await editReport(deps, {
          id,
          caller: call.caller,
          version: ifMatch(call),
          changes: call.body,
        });
        return reportAnswer(200, report, deps.now(), languageOf(call.c));
      },
    ),
    step("submit", ["clerk"], { zh: "送举办单位审查", en: "Hand it to the sponsor" }, OnContent, submitReport),
    step(
      "sponsor-approve",
      ["sponsor"],
      { zh: "举办单位审查通过", en: "Approve exactly this content" },
      Approval,
      sponsorApprove,
    ),
    step("sponsor-return", ["sponsor"], { zh: "举办单位退回", en: "Return it to the unit" }, Return, sponsorReturn),
    step(
      "file",
      ["clerk", "sponsor"],
      { zh: "报送登记管理机关", en: "File it with the registrar" },
      OnContent,
      fileReport,
    ),
    step("accept", ["registrar"], { zh: "形式审查通过", en: "Pass the formal check" }, OnContent, acceptReport),
    step("return", ["registrar"], { zh: "形式审查退回", en: "Return it for formal faults" }, Return, returnReport),
    step(
      "publish",
      ["registrar", "sponsor", "clerk"],
      { zh: "公示", en: "Publish it, as an announcement too" },
      OnContent,
      publishReport,
    ),
    step(
      "correct",
      ["sponsor"],
      { zh: "更正已公示的报告", en: "Publish a corrected revision" },
      Correction,
      (stepDeps, { id, caller, contentHash: hash, reason: why, opinion, ...changes }) =>
        correctReport(stepDeps, {
          id,
          caller,
          contentHash: hash,
          reason: why,
          changes,
          ...(opinion === undefined ? {} : { opinion }),
        }),
    ),
    step(
      "withdraw",
      ["sponsor", "registrar"],
      { zh: "撤回已公示的报告", en: "Withdraw it, with a reason" },
      Withdrawal,
      withdrawReport,
    ),
  ];
}
