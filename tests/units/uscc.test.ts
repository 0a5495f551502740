import fc from "fast-check";
import { expect, it } from "vitest";
import { divisionsNamed, findDivision } from "#src/domain/units/divisions.ts";
import { NewUnit } from "#src/domain/units/unit.ts";
import {
  checkInstitutionUscc,
  checkUscc,
  organisationCheckCharacter,
  usccCheckCharacter,
} from "#src/domain/units/uscc.ts";
import { readFault } from "#src/errors.ts";

const ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY";

it.each([
  "12100000400000624D",
  "12100000470095016Q",
  "12100000425006117P",
  "12310000425022547M",
  "1210000042500615X0",
  "12610424436900018C",
  "126104241000001040",
  "1261042410000018XM",
  "12610424MB2A000112",
  "12610424100000059Y",
])("takes %s for an institution's code, inside and out", (uscc) => {
  expect(checkInstitutionUscc(uscc)).toEqual({ uscc, warnings: [] });
});

it("takes the standard's specimen with the right check, but not for an institution", () => {
  expect(checkUscc("91350100M000100Y43")).toEqual({ uscc: "91350100M000100Y43", warnings: [] });
  expect(checkInstitutionUscc("91350100M000100Y43").fault?.code).toBe("USCC_CLASS");
});

it.each([
  ["91350100M000100Y4Z", "USCC_CHARSET", "Z"],
  ["12610424436900018D", "USCC_CHECK", "C"],
  ["91350100M0001TGQXM", "USCC_CHECK", "1"],
  ["1261042443690001", "USCC_LENGTH", "16"],
  ["12619924436900018C", "USCC_DIVISION", "619924"],
  ["1261A424436900018C", "USCC_DIVISION", "61A424"],
  ["1261042443690O018C", "USCC_CHARSET", "O"],
  ["", "USCC_LENGTH", "0"],
])("refuses %s with %s and says what is wrong", (uscc, code, named) => {
  const { fault } = checkUscc(uscc);
  expect(fault?.code).toBe(code);
  expect(fault?.detail.zh).toContain(named);
  expect(fault?.detail.en).toContain(named);
});

it("only warns when the organisation code inside fails its own check", () => {
  const verdict = checkUscc("126104244369000179");
  expect(verdict.fault).toBeUndefined();
  expect(verdict.warnings.map(({ code }) => code)).toEqual(["USCC_ORG_CHECK"]);
});

it("takes a pilot code that fails the sum when a registrar vouches for it", () => {
  const verdict = checkUscc("91350100M0001TGQXM", { legacyAccepted: true });
  expect(verdict.fault).toBeUndefined();
  expect(verdict.warnings.map(({ code }) => code)).toContain("USCC_CHECK");
  expect(NewUnit.safeParse({ name: "试点单位", uscc: "91350100M0001TGQXM" }).success).toBe(false);
  const vouched = { name: "试点单位", uscc: "91350100M0001TGQXM", legacyAccepted: "试点期间发出的代码" };
  expect(NewUnit.safeParse(vouched).success).toBe(true);
});

it("reads full-width digits, small letters and spaces around", () => {
  expect(checkUscc(" １２６１０４２４４３６９０００１８c ").uscc).toBe("12610424436900018C");
});

it("finds every single wrong character and every swap of neighbours", () => {
  const right = "12610424436900018C";
  for (let i = 0; i < right.length; i++) {
    for (const other of ALPHABET) {
      const wrong = right.slice(0, i) + other + right.slice(i + 1);
      if (wrong !== right) expect(checkUscc(wrong).fault, wrong).toBeDefined();
    }
    const swapped = right.slice(0, i) + (right[i + 1] ?? "") + (right[i] ?? "") + right.slice(i + 2);
    if (swapped !== right && swapped.length === 18) expect(checkUscc(swapped).fault, swapped).toBeDefined();
  }
});

it("accepts every code built by the standard's own sums", () => {
  const character = fc.constantFrom(...ALPHABET);
  fc.assert(
    fc.property(fc.array(character, { minLength: 8, maxLength: 8 }), (body) => {
      const organisation = body.join("") + organisationCheckCharacter(body.join(""));
      const first17 = `12610424${organisation}`;
      expect(checkUscc(first17 + usccCheckCharacter(first17))).toMatchObject({ warnings: [] });
      expect(checkUscc(first17 + usccCheckCharacter(first17)).fault).toBeUndefined();
    }),
  );
});

it("keeps retired division codes with their successors", () => {
  expect(findDivision("610424")).toEqual({ code: "610424", name: "乾县", successors: [] });
  expect(findDivision("610427")).toMatchObject({ name: "彬县", validTo: "2018-05", successors: ["610482"] });
  expect(findDivision("610482")).toMatchObject({ name: "彬州市", validFrom: "2018-05" });
  expect(findDivision("619924")).toBeUndefined();
  expect(divisionsNamed("乾县").map(({ code }) => code)).toEqual(["610424"]);
  expect(divisionsNamed("彬县")).toEqual([]);
  expect(divisionsNamed("朝阳区").length).toBeGreaterThan(1);
});

it("only warns about a code issued by a division that is no longer in use", () => {
  const first17 = `12610427${"43690001"}${organisationCheckCharacter("43690001")}`;
  const verdict = checkUscc(first17 + usccCheckCharacter(first17));
  expect(verdict.fault).toBeUndefined();
  expect(verdict.warnings.map(({ code }) => code)).toEqual(["USCC_DIVISION_RETIRED"]);
});

it("only warns about a county made since the table ends, and lets units and cases be of it", () => {
  // A code of 和田地区 that the table, which ends in June 2023, does not have.
  const first17 = `12653229${"43690001"}${organisationCheckCharacter("43690001")}`;
  const uscc = first17 + usccCheckCharacter(first17);
  const { fault, warnings } = checkUscc(uscc);
  expect([fault, warnings.map(({ code }) => code)]).toEqual([undefined, ["USCC_DIVISION_UNLISTED"]]);
  expect(warnings[0]?.detail.zh).toContain("2023年6月");
  expect(warnings[0]?.detail.en).toContain("June 2023");
  expect(NewUnit.safeParse({ name: "某县融媒体中心", uscc, division: "653229" }).success).toBe(true);
  // Without a prefecture between: a district of Beijing.
  expect(NewUnit.safeParse({ name: "某区融媒体中心", division: "110120" }).success).toBe(true);
  for (const division of ["999999", "619924", "65322", "6532290", "65322a", "100000"]) {
    const { error } = NewUnit.safeParse({ name: "某单位", division });
    expect(readFault(error?.issues[0]?.message ?? ""), division).toMatchObject({
      code: "DIVISION_UNKNOWN",
      detail: { zh: expect.stringContaining("2023年6月"), en: expect.stringContaining("June 2023") },
    });
  }
});

it("reads every line of the division table", async () => {
  const { DIVISION_TABLE } = await import("#src/domain/units/division-table.ts");
  const lines = DIVISION_TABLE.trim().split("\n");
  expect(lines.length).toBeGreaterThan(4000);
  for (const line of lines) {
    const division = findDivision(line.slice(0, 6));
    expect(division?.name, line).toMatch(/^\p{Script=Han}+$/u);
    for (const successor of division?.successors ?? []) expect(findDivision(successor), line).toBeDefined();
  }
});
