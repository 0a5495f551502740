import type { InputError } from "#src/errors.ts";
import { stateOf } from "./declared.ts";
import type { FieldName, Fields } from "./fields.ts";
import { FIELD_NAMES, LABELS } from "./labels.ts";

const CODES: Partial<Record<FieldName, string>> = {
  uscc: "USCC_MISSING",
  registeredCapital: "AMOUNT_FORMAT",
  netAssetsOpening: "AMOUNT_FORMAT",
  netAssetsClosing: "AMOUNT_FORMAT",
  fundingSource: "FUNDING_SOURCE",
  headcount: "HEADCOUNT",
  institutionName: "TEXT_TOO_SHORT",
  purposeAndScope: "TEXT_TOO_SHORT",
  registeredAddress: "TEXT_TOO_SHORT",
  legalRepresentative: "TEXT_TOO_SHORT",
  sponsoringUnit: "TEXT_TOO_SHORT",
  changeRegistrationCompliance: "TEXT_TOO_SHORT",
  activities: "TEXT_TOO_SHORT",
};

/** Fields on which nothing is said yet; a report with one of them cannot be submitted. */
export function missingIn(fields: Fields): InputError[] {
  return FIELD_NAMES.filter((name) => stateOf(fields[name]) === "missing").map((name) => {
    const label = LABELS[name];
    const code = CODES[name] ?? "MISSING_DECLARATION";
    const declare = code === "MISSING_DECLARATION";
    const zh = `“${label.zh}”未填写${declare ? "，没有的请填“无”" : ""}`;
    const en = `"${label.en}" (${label.zh}) is missing${declare ? '; if there is none, say "none_declared"' : ""}`;
    return { pointer: `/${name}`, code, detail: { zh, en } };
  });
}
