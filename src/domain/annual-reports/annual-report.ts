import { z } from "zod";
import { NONE_DECLARED } from "./declared.ts";
import type { Fields } from "./fields.ts";

export const STATES = [
  "draft",
  "sponsor_review",
  "sponsor_returned",
  "sponsor_approved",
  "filed",
  "returned",
  "accepted",
  "published",
  "corrected",
  "withdrawn",
] as const;
export type State = (typeof STATES)[number];

/** The sponsor's statement on exactly these bytes: true, checked for secrets, fit to be published. */
export const SponsorOpinion = z.strictObject({
  truthful: z.boolean(),
  confidentialityChecked: z.boolean(),
  mayPublish: z.boolean(),
  signer: z.string().trim().min(1).max(50),
});
export type SponsorOpinion = z.infer<typeof SponsorOpinion>;

export const SignedOpinion = SponsorOpinion.extend({ contentHash: z.string(), by: z.string(), at: z.string() });
export type SignedOpinion = z.infer<typeof SignedOpinion>;

const Text = z.object({ zh: z.string(), en: z.string() });

/** Something to look at that stops nobody; `days` of a late report. */
export const Warning = z.object({
  code: z.string(),
  pointer: z.string().exactOptional(),
  detail: Text,
  days: z.int().exactOptional(),
});
export type Warning = z.infer<typeof Warning>;

export const ReturnReason = z.strictObject({ pointer: z.string().max(200), reason: z.string().trim().min(1).max(500) });

const Returned = z.object({
  by: z.enum(["sponsor", "registrar"]),
  reason: z.string(),
  fields: z.array(ReturnReason),
  at: z.string(),
});

const Step = z.object({
  at: z.string(),
  by: z.string(),
  action: z.string(),
  from: z.enum(STATES).exactOptional(),
  to: z.enum(STATES),
  reason: z.string().exactOptional(),
});
export type Step = z.infer<typeof Step>;

const declaredText = z.string().nullable();
const declaredList = <Member extends z.ZodType>(member: Member) =>
  z.union([z.literal(NONE_DECLARED), z.array(member)]).nullable();

const StoredFields: z.ZodType<Fields> = z.object({
  uscc: z.string().nullable(),
  reportYear: z.int(),
  institutionName: z.string().nullable(),
  purposeAndScope: z.string().nullable(),
  registeredAddress: z.string().nullable(),
  legalRepresentative: z.string().nullable(),
  registeredCapital: z.int().nullable(),
  fundingSource: z.string().nullable(),
  sponsoringUnit: z.string().nullable(),
  netAssetsOpening: z.int().nullable(),
  netAssetsClosing: z.int().nullable(),
  onlineName: declaredList(z.string()),
  headcount: z.int().nullable(),
  changeRegistrationCompliance: z.string().nullable(),
  activities: z.string().nullable(),
  qualifications: declaredList(
    z.object({
      name: z.string(),
      number: z.string().exactOptional(),
      from: z.string().exactOptional(),
      to: z.string().exactOptional(),
    }),
  ),
  rewardsSanctions: declaredText,
  litigation: declaredText,
  complaints: declaredText,
  donations: declaredList(
    z.object({
      donor: z.string(),
      amount: z.int(),
      purpose: z.string(),
      term: z.string().exactOptional(),
      used: z.int(),
      balance: z.int(),
    }),
  ),
});

/**
 * A report from draft to withdrawal. `fields` is the working copy and `contentHash` its hash; what was published stays in the
 * revisions. `originalDate`: when an imported page had been published elsewhere.
 */
export const Report = z.object({
  id: z.string(),
  version: z.int(),
  unitId: z.string(),
  unitName: z.string(),
  state: z.enum(STATES),
  fields: StoredFields,
  contentHash: z.string(),
  warnings: z.array(Warning),
  division: z.string().exactOptional(),
  originalDate: z.string().exactOptional(),
  opinion: SignedOpinion.exactOptional(),
  returned: Returned.exactOptional(),
  createdAt: z.string(),
  updatedAt: z.string(),
  filedAt: z.string().exactOptional(),
  acceptedAt: z.string().exactOptional(),
  publishedAt: z.string().exactOptional(),
  announcementId: z.string().exactOptional(),
  revision: z.int(),
  history: z.array(Step),
});
export type Report = z.infer<typeof Report>;

/** One immutable published text of a report; a withdrawal keeps the text before it and gives its reason. */
export const ReportRevision = z.object({
  reportId: z.string(),
  revision: z.int(),
  kind: z.enum(["published", "corrected", "withdrawn"]),
  unitId: z.string(),
  unitName: z.string(),
  fields: StoredFields,
  contentHash: z.string(),
  opinion: SignedOpinion,
  division: z.string().exactOptional(),
  originalDate: z.string().exactOptional(),
  filedAt: z.string(),
  acceptedAt: z.string(),
  publishedAt: z.string(),
  firstPublishedAt: z.string(),
  announcementId: z.string(),
  reason: z.string().exactOptional(),
});
export type ReportRevision = z.infer<typeof ReportRevision>;
