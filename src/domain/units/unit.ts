import { z } from "zod";
import { fault } from "#src/errors.ts";
import { DIVISION_UNKNOWN, isDivisionCode } from "./divisions.ts";
import { checkUscc, normalUscc } from "./uscc.ts";

export const UnitId = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{1,62}$/,
    fault("UNIT_ID", "单位编号须为2至63个小写字母、数字或连字符", "2 to 63 lower-case letters, digits or hyphens"),
  );

const name = z
  .string()
  .trim()
  .min(2, fault("NAME_LENGTH", "单位名称须为2至100个字", "the name must have 2 to 100 characters"))
  .max(100, fault("NAME_LENGTH", "单位名称须为2至100个字", "the name must have 2 to 100 characters"));

/** What the registrar holds of a public institution (条例 Art. 8); an annual report must say the same. */
const Registry = z.strictObject({
  institutionName: name.exactOptional(),
  purposeAndScope: z.string().trim().min(1).max(2000).exactOptional(),
  registeredAddress: z.string().trim().min(1).max(200).exactOptional(),
  legalRepresentative: z.string().trim().min(1).max(50).exactOptional(),
  sponsoringUnit: z.string().trim().min(1).max(100).exactOptional(),
});

/** `parentId` is the sponsoring unit. `legacyAccepted` says why a code that fails the sum is in official use all the same. */
export const NewUnit = z
  .strictObject({
    name,
    uscc: z.string().max(40).transform(normalUscc).exactOptional(),
    legacyAccepted: z.string().trim().min(4).max(500).exactOptional(),
    division: z.string().refine(isDivisionCode, DIVISION_UNKNOWN).exactOptional(),
    parentId: UnitId.exactOptional(),
    registry: Registry.exactOptional(),
  })
  .check((context) => {
    const { uscc, legacyAccepted } = context.value;
    if (uscc === undefined) return;
    const { fault: wrong } = checkUscc(uscc, { legacyAccepted: legacyAccepted !== undefined });
    if (wrong === undefined) return;
    const message = fault(wrong.code, wrong.detail.zh, wrong.detail.en);
    context.issues.push({ code: "custom", message, path: ["uscc"], input: uscc });
  });
export type NewUnit = z.infer<typeof NewUnit>;

export const Unit = z.object({
  id: z.string(),
  version: z.int(),
  name: z.string(),
  uscc: z.string().exactOptional(),
  legacyAccepted: z.string().exactOptional(),
  division: z.string().exactOptional(),
  parentId: z.string().exactOptional(),
  registry: Registry.exactOptional(),
});
export type Unit = z.infer<typeof Unit>;
