import { z } from "zod";
import { ATTACHMENT_TYPES } from "#src/domain/cases/attachment.ts";
import { admittedKey, attachmentStates } from "#src/domain/cases/attachments.ts";
import { type Case, CaseType, caseId } from "#src/domain/cases/case.ts";
import { CASE_STAFF, caseForStaff, listCases } from "#src/domain/cases/desk.ts";
import { ContactReading, contactReadings, maskedContact, readContact } from "#src/domain/cases/reporter.ts";
import { findDivision } from "#src/domain/units/divisions.ts";
import { fault } from "#src/errors.ts";
import type { PlainDeps } from "./deps.ts";
import { listed, nextOf, PAGE, pageSchema } from "./list.ts";
import { type Route, route } from "./route.ts";

const ListedCase = z
  .object({
    id: z.string(),
    number: z.string(),
    version: z.number(),
    type: CaseType,
    title: z.string(),
    state: z.literal("received"),
    unitId: z.string().optional(),
    receivedAt: z.string(),
    dueAt: z.string(),
    provisional: z.boolean(),
    overdue: z.boolean(),
  })
  .meta({ id: "ListedCase" });

const ContactBody = z
  .object({
    name: z.string().optional(),
    phone: z.string().optional(),
    email: z.string().optional(),
    noticeVersion: z.string(),
  })
  .meta({ id: "CaseContact" });

const CaseBody = ListedCase.extend({
  description: z.string(),
  urls: z.array(z.string()),
  occurredAt: z.string().optional(),
  division: z.object({ code: z.string(), name: z.string() }).optional(),
  /** Whether the reporter agrees that it is published once it is answered. */
  publish: z.boolean(),
  /** `url` downloads what was checked, for five minutes. */
  attachments: z.array(
    z.object({
      name: z.string(),
      type: z.enum(ATTACHMENT_TYPES),
      size: z.number(),
      state: z.enum(["expected", "received", "refused"]),
      url: z.string().optional(),
    }),
  ),
  /** In part; the whole is read with a reason at `/cases/{id}/contact`. Absent: the reporter stays unknown. */
  contact: ContactBody.optional(),
  contactReadings: z.array(ContactReading.omit({ kind: true })),
}).meta({ id: "Case" });

const Reason = z
  .strictObject({
    reason: z
      .string()
      .trim()
      .min(2, fault("REASON", "请写明查看理由（2至300个字）", "say why you need it, in 2 to 300 characters"))
      .max(300, fault("REASON", "请写明查看理由（2至300个字）", "say why you need it, in 2 to 300 characters")),
  })
  .meta({ id: "ContactReason" });

const tag = "cases";
const LINK_SECONDS = 300;

/** What staff read of cases; what they do about them is no part of this. */
export function caseDeskRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "get",
        path: "/cases",
        who: CASE_STAFF,
        tag,
        summary: { zh: "本单位（或全部）事项，新的在前", en: "The unit's cases, or all, the newest first" },
        query: z.strictObject(PAGE),
        answers: { 200: pageSchema(ListedCase) },
      },
      async (call) => {
        const page = await listCases(deps, call.caller, nextOf(call));
        deps.log.info("cases-listed", { by: call.caller.id, cases: page.items.length });
        return listed(deps, call, page, (one) => listedBody(one, deps.now()));
      },
    ),
    route(
      {
        method: "get",
        path: "/cases/{id}",
        who: CASE_STAFF,
        tag,
        summary: {
          zh: "一个事项；反映人的联系方式只显示一部分",
          en: "A case; how to reach its reporter is shown in part",
        },
        answers: { 200: CaseBody },
      },
      async ({ caller, params }) => {
        const found = await caseForStaff(deps, caller, params.id);
        deps.log.info("case-read", { by: caller.id, case: found.number });
        return { status: 200, body: await caseBody(deps, found), version: found.version };
      },
    ),
    route(
      {
        method: "post",
        path: "/cases/{id}/contact",
        who: CASE_STAFF,
        tag,
        summary: {
          zh: "查看反映人的完整联系方式；须写明理由，查看记录在案",
          en: "The reporter's whole contact, for a reason; who read it and why stays on record",
        },
        body: Reason,
        answers: { 200: ContactBody },
      },
      async ({ caller, params, body }) => {
        const found = await caseForStaff(deps, caller, params.id);
        return { status: 200, body: await readContact(deps, found, { caller, reason: body.reason }) };
      },
    ),
  ];
}

function listedBody(one: Case, now: Date): z.infer<typeof ListedCase> {
  const { number, version, type, title, state, unitId, receivedAt, dueAt, provisional = false } = one;
  return {
    id: caseId(number),
    ...{ number, version, type, title, state, ...(unitId === undefined ? {} : { unitId }), receivedAt, dueAt },
    provisional,
    overdue: now.toISOString() > dueAt,
  };
}

async function caseBody(deps: PlainDeps, one: Case): Promise<z.infer<typeof CaseBody>> {
  const { number, description, urls = [], occurredAt, division, publish, attachments = [], contact } = one;
  const [states, readings] = await Promise.all([attachmentStates(deps, one), contactReadings(deps, number)]);
  const files = attachments.map(async ({ name, type, size }, n) => {
    const state = states[n]?.state ?? "expected";
    const key = admittedKey(number, n);
    const link = state === "received" && {
      url: await deps.bucket.signDownload({ key, fileName: name, seconds: LINK_SECONDS }),
    };
    return { name, type, size, state, ...link };
  });
  const found = division === undefined ? undefined : findDivision(division);
  return {
    ...listedBody(one, deps.now()),
    ...{ description, urls, ...(occurredAt === undefined ? {} : { occurredAt }), publish },
    ...(division === undefined ? {} : { division: { code: division, name: found?.name ?? division } }),
    attachments: await Promise.all(files),
    ...(contact ? { contact: maskedContact(contact) } : {}),
    contactReadings: readings.map(({ kind: _, ...reading }) => reading),
  };
}
