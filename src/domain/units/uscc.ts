import type { Text } from "#src/text.ts";
import { DIVISIONS_UNTIL, findDivision, isDivisionCode } from "./divisions.ts";

const ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY";
const WEIGHTS = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const ORGANISATION_WEIGHTS = [3, 7, 9, 10, 5, 8, 4, 2];
const NATIONAL = "100000";

export type UsccFault = { code: `USCC_${string}`; detail: Text };
export type UsccVerdict = { uscc: string; fault?: UsccFault; warnings: UsccFault[] };

/** Trims, folds full-width characters and upper-cases a code as people type or copy it. */
export function normalUscc(text: string): string {
  return text.normalize("NFKC").trim().toUpperCase();
}

/** The 18th character that the first 17 ask for (GB 32100-2015; the last "mod 31" turns 31 into 0). */
export function usccCheckCharacter(first17: string): string {
  const sum = WEIGHTS.reduce((total, weight, i) => total + weight * ALPHABET.indexOf(first17.charAt(i)), 0);
  return ALPHABET.charAt((31 - (sum % 31)) % 31);
}

/** The 9th character of an organisation code (GB 11714): its alphabet is 0-9A-Z, 10 is written X and 11 as 0. */
export function organisationCheckCharacter(first8: string): string {
  const sum = ORGANISATION_WEIGHTS.reduce(
    (total, weight, i) => total + weight * Number.parseInt(first8.charAt(i), 36),
    0,
  );
  const check = 11 - (sum % 11);
  return check === 10 ? "X" : check === 11 ? "0" : String(check);
}

/**
 * Checks a 统一社会信用代码 (GB 32100-2015). The first thing wrong is the fault: `USCC_LENGTH`, `USCC_CHARSET`,
 * `USCC_DIVISION`, `USCC_CHECK`. `legacyAccepted` (a registrar vouches for a pilot code in official use) turns a wrong sum
 * into a warning. Warnings: `USCC_ORG_CHECK` (the organisation code inside), `USCC_DIVISION_RETIRED`,
 * `USCC_DIVISION_UNLISTED` (of a county that may be newer than our table).
 */
export function checkUscc(text: string, options: { legacyAccepted?: boolean } = {}): UsccVerdict {
  const uscc = normalUscc(text);
  const warnings: UsccFault[] = [];
  if (uscc.length !== 18) {
    const count = uscc.length;
    return refused(
      uscc,
      "USCC_LENGTH",
      `统一社会信用代码须为18位，现为${count}位`,
      `must have 18 characters, has ${count}`,
    );
  }
  const strange = [...uscc].find((character) => !ALPHABET.includes(character));
  if (strange !== undefined)
    return refused(uscc, "USCC_CHARSET", `统一社会信用代码不得含“${strange}”`, `cannot contain "${strange}"`);
  const code = uscc.slice(2, 8);
  const division = findDivision(code);
  if (code !== NATIONAL && !isDivisionCode(code))
    return refused(
      uscc,
      "USCC_DIVISION",
      `第3至8位“${code}”不是行政区划代码`,
      `characters 3-8, "${code}", are no division`,
    );
  if (code !== NATIONAL && division === undefined) {
    const { zh, en } = DIVISIONS_UNTIL;
    const detail = {
      zh: `行政区划代码${code}不在代码表中（截至${zh}），请核对`,
      en: `division ${code} is not in the list, which is of ${en}; please check it`,
    };
    warnings.push({ code: "USCC_DIVISION_UNLISTED", detail });
  }
  if (division?.validTo !== undefined) {
    const zh = `行政区划代码${code}（${division.name}）已停用`;
    warnings.push({ code: "USCC_DIVISION_RETIRED", detail: { zh, en: `division ${code} is no longer in use` } });
  }
  const expected = usccCheckCharacter(uscc);
  if (uscc.charAt(17) !== expected) {
    const zh = `校验码不符：第18位应为“${expected}”`;
    const fault: UsccFault = { code: "USCC_CHECK", detail: { zh, en: `the check character should be ${expected}` } };
    if (!options.legacyAccepted) return { uscc, fault, warnings };
    warnings.push(fault);
  }
  if (uscc.charAt(16) !== organisationCheckCharacter(uscc.slice(8))) {
    const zh = "组织机构代码（第9至17位）的校验码不符，请核对";
    warnings.push({ code: "USCC_ORG_CHECK", detail: { zh, en: "characters 9-17 fail the organisation code's check" } });
  }
  return { uscc, warnings };
}

/** As `checkUscc`, for a public institution (事业单位): its code starts with 12, else `USCC_CLASS`. */
export function checkInstitutionUscc(text: string, options: { legacyAccepted?: boolean } = {}): UsccVerdict {
  const verdict = checkUscc(text, options);
  if (verdict.fault !== undefined || verdict.uscc.startsWith("12")) return verdict;
  const zh = "事业单位的统一社会信用代码以“12”开头";
  return {
    ...verdict,
    fault: { code: "USCC_CLASS", detail: { zh, en: "a public institution's code starts with 12" } },
  };
}

function refused(uscc: string, code: UsccFault["code"], zh: string, en: string): UsccVerdict {
  return { uscc, fault: { code, detail: { zh, en } }, warnings: [] };
}
