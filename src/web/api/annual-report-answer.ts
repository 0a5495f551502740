import { z } from "zod";
import { type Report, SignedOpinion, STATES, Warning } from "#src/domain/annual-reports/annual-report.ts";
import { reportView } from "#src/domain/annual-reports/view.ts";
import { type Language, say } from "#src/text.ts";
import type { Answer } from "#src/web/idempotency.ts";

const amount = z.string().nullable().meta({ description: "万元, an exact decimal of at least two places" });
const text = z.string().nullable();
const declared = z.string().nullable().meta({ description: "a text, none_declared, or null while nothing is said" });
const list = <Member extends z.ZodType>(member: Member) =>
  z.union([z.literal("none_declared"), z.array(member)]).nullable();

/** A report as its people get it: the fields on top, amounts in 万元, everything that hangs on them beside. */
export const AnnualReport = z
  .object({
    id: z.string(),
    version: z.int(),
    state: z.enum(STATES),
    unitId: z.string(),
    unitName: z.string(),
    contentHash: z.string().meta({ description: "SHA-256 of the canonical fields, in hex" }),
    uscc: text,
    reportYear: z.int(),
    institutionName: text,
    purposeAndScope: text,
    registeredAddress: text,
    legalRepresentative: text,
    registeredCapital: amount,
    fundingSource: text,
    sponsoringUnit: text,
    netAssetsOpening: amount,
    netAssetsClosing: amount,
    onlineName: list(z.string()),
    headcount: z.int().nullable(),
    changeRegistrationCompliance: text,
    activities: text,
    qualifications: list(
      z.object({
        name: z.string(),
        number: z.string().optional(),
        from: z.string().optional(),
        to: z.string().optional(),
      }),
    ),
    rewardsSanctions: declared,
    litigation: declared,
    complaints: declared,
    donations: list(
      z.object({
        donor: z.string(),
        amount: z.string(),
        purpose: z.string(),
        term: z.string().optional(),
        used: z.string(),
        balance: z.string(),
      }),
    ),
    amounts: z.record(z.string(), z.object({ fen: z.int(), text: z.string() })),
    figures: z.array(
      z.object({
        value: z.number(),
        unit: z.string(),
        qualifier: z.string(),
        text: z.string(),
        start: z.int(),
        contradictory: z.boolean(),
      }),
    ),
    warnings: z.array(z.object({ ...Warning.shape, detail: z.string() })),
    dueDate: z.string(),
    late: z.boolean(),
    daysLate: z.int(),
    division: z.string().optional(),
    originalDate: z.string().optional(),
    opinion: SignedOpinion.optional(),
    returned: z
      .object({
        by: z.enum(["sponsor", "registrar"]),
        reason: z.string(),
        fields: z.array(z.object({ pointer: z.string(), reason: z.string() })),
        at: z.string(),
      })
      .optional(),
    createdAt: z.string(),
    updatedAt: z.string(),
    filedAt: z.string().optional(),
    acceptedAt: z.string().optional(),
    publishedAt: z.string().optional(),
    announcementId: z.string().optional(),
    revision: z.int().meta({ description: "revisions published so far" }),
    history: z.array(
      z.object({
        at: z.string(),
        by: z.string(),
        action: z.string(),
        from: z.string().optional(),
        to: z.string(),
        reason: z.string().optional(),
      }),
    ),
  })
  .meta({ id: "AnnualReport" });

export function reportAnswer(status: number, report: Report, now: Date, language: Language): Answer {
  const view = reportView(report, now);
  const warnings = view.warnings.map((warning) => ({ ...warning, detail: say(warning.detail, language) }));
  return { status, body: { ...view, warnings } satisfies z.input<typeof AnnualReport>, version: report.version };
}
