import { z } from "zod";
import { STATES } from "./annual-report.ts";

/** A report in its unit's list and in the registrar's. `netAssetsClosing` in fen. */
export const ReportRow = z.object({
  id: z.string(),
  version: z.int(),
  unitId: z.string(),
  unitName: z.string(),
  reportYear: z.int(),
  institutionName: z.string().nullable(),
  state: z.enum(STATES),
  contentHash: z.string(),
  netAssetsClosing: z.int().nullable(),
  updatedAt: z.string(),
});
export type ReportRow = z.infer<typeof ReportRow>;

/** A published report in the public list; `kind` withdrawn keeps its row, so that nothing vanishes without a word. */
export const PublishedReport = z.object({
  id: z.string(),
  revision: z.int(),
  kind: z.enum(["published", "corrected", "withdrawn"]),
  reportYear: z.int(),
  unitId: z.string(),
  unitName: z.string(),
  institutionName: z.string(),
  publishedAt: z.string(),
  firstPublishedAt: z.string(),
  dueDate: z.string(),
  late: z.boolean(),
  daysLate: z.int(),
  division: z.string().exactOptional(),
});
export type PublishedReport = z.infer<typeof PublishedReport>;
