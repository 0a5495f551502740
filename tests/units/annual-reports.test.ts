import fc from "fast-check";
import { expect, it } from "vitest";
import { exactAmount, parseAmount, shownAmount } from "#src/domain/annual-reports/amount.ts";
import { saysNone, stateOf } from "#src/domain/annual-reports/declared.ts";
import { emptyFields, FieldChanges, type Fields } from "#src/domain/annual-reports/fields.ts";
import { figuresIn } from "#src/domain/annual-reports/figures.ts";
import { lastEndedYear, lateness } from "#src/domain/annual-reports/lateness.ts";
import { missingIn } from "#src/domain/annual-reports/missing.ts";
import { sectionsOf } from "#src/domain/annual-reports/sections.ts";
import { rowsOf } from "#src/domain/annual-reports/shown.ts";
import { warningsOf } from "#src/domain/annual-reports/warnings.ts";
import type { Unit } from "#src/domain/units/unit.ts";
import { readFault } from "#src/errors.ts";

const UNIT: Unit = { id: "yuntai-archive", version: 1, name: "云台县档案服务中心" };

const WHOLE: Fields = {
  uscc: "12610424436900018C",
  reportYear: 2024,
  institutionName: UNIT.name,
  purposeAndScope: "保管档案，提供查阅。",
  registeredAddress: "云台县文昌路1号",
  legalRepresentative: "林某",
  registeredCapital: 2_000_000,
  fundingSource: "财政全额拨款",
  sponsoringUnit: "云台县委办公室",
  netAssetsOpening: 1_850_000,
  netAssetsClosing: 1_800_000,
  onlineName: "none_declared",
  headcount: 7,
  changeRegistrationCompliance: "2024年没有变更登记的事项。",
  activities: "一、查阅服务。全年接待查阅1200余人次。".padEnd(60, "。"),
  qualifications: "none_declared",
  rewardsSanctions: "none_declared",
  litigation: "none_declared",
  complaints: "none_declared",
  donations: "none_declared",
};

const codes = (fields: Partial<Fields>, context: { priorClosing?: number } = {}) =>
  warningsOf({ ...WHOLE, ...fields }, { unit: UNIT, ...context }).map(({ code }) => code);

const faults = (input: unknown) =>
  (FieldChanges.safeParse(input).error?.issues ?? []).map(
    (issue) => `/${issue.path.join("/")} ${readFault(issue.message)?.code ?? issue.code}`,
  );

it.each([
  ["1.85", 1_850_000],
  ["1.85万元", 1_850_000],
  ["１．８５万", 1_850_000],
  ["1,000万元", 1_000_000_000],
  [" 2 万元 ", 2_000_000],
  ["-0.5", -500_000],
  ["−0.5", -500_000],
  ["0", 0],
  ["-0", 0],
  ["1.850050", 1_850_050],
  ["0.000001", 1],
  ["999999999.999999", 999_999_999_999_999],
])("reads %s as %i fen", (written, fen) => {
  expect(parseAmount(written)).toBe(fen);
});

it.each(["约2万", "2元", "", "1.2.3", "1,00", "0.0000001", "1000000000", "二万", "1e3", "NaN", "2万万"])(
  "refuses the amount %j",
  (written) => {
    expect(parseAmount(written)).toMatchObject({ code: "AMOUNT_FORMAT" });
  },
);

it("writes an amount exactly and reads it back, and shows it with two places", () => {
  fc.assert(
    fc.property(fc.integer({ min: -(10 ** 15) + 1, max: 10 ** 15 - 1 }), (fen) => {
      expect(parseAmount(exactAmount(fen))).toBe(fen === 0 ? 0 : fen);
    }),
  );
  expect([exactAmount(1_800_000), exactAmount(1_850_050), exactAmount(-1)]).toEqual(["1.80", "1.85005", "-0.000001"]);
  expect(shownAmount(1_850_050)).toBe("1.85万元");
  expect(shownAmount(1_234_567_890_000)).toBe("1,234,567.89万元");
  expect(shownAmount(-1)).toBe("0.00万元");
  expect(shownAmount(-500_000)).toBe("-0.50万元");
});

it.each([
  [{ onlineName: "" }, "/onlineName MISSING_DECLARATION"],
  [{ onlineName: [] }, "/onlineName MISSING_DECLARATION"],
  [{ onlineName: ["云台.com"] }, "/onlineName/0 ONLINE_NAME_SUFFIX"],
  [{ onlineName: Array(11).fill("云台.政务") }, "/onlineName LIST_TOO_LONG"],
  [{ litigation: " " }, "/litigation MISSING_DECLARATION"],
  [{ complaints: "长".repeat(5001) }, "/complaints TEXT_TOO_LONG"],
  [{ activities: "太短" }, "/activities TEXT_TOO_SHORT"],
  [{ activities: "长".repeat(20_001) }, "/activities TEXT_TOO_LONG"],
  [{ institutionName: "云" }, "/institutionName TEXT_TOO_SHORT"],
  [{ registeredCapital: "约2万" }, "/registeredCapital AMOUNT_FORMAT"],
  [{ registeredCapital: "-1" }, "/registeredCapital AMOUNT_NEGATIVE"],
  [{ netAssetsClosing: true }, "/netAssetsClosing AMOUNT_FORMAT"],
  [{ fundingSource: "不知道" }, "/fundingSource FUNDING_SOURCE"],
  [{ headcount: 1.5 }, "/headcount HEADCOUNT"],
  [{ headcount: "7" }, "/headcount HEADCOUNT"],
  [{ headcount: 100_001 }, "/headcount HEADCOUNT"],
  [{ reportYear: 1997 }, "/reportYear REPORT_YEAR"],
  [{ qualifications: [{ name: "许可证", from: "2025-01-01", to: "2024-12-31" }] }, "/qualifications/0 DATE_RANGE"],
  [{ qualifications: [{ name: "许可证", to: "2024-02-30" }] }, "/qualifications/0/to DATE_RANGE"],
  [
    { donations: [{ donor: "某企业", amount: "1", purpose: "购书", used: "0.4", balance: "0.5" }] },
    "/donations/0 DONATION_BALANCE",
  ],
  [{ opinion: "x" }, "/ unrecognized_keys"],
])("refuses %j with %s", (input, expected) => {
  expect(faults(input)).toEqual([expected]);
});

it("takes every way of writing 无 for the same declaration, and a blank for none", () => {
  for (const none of ["无", "無", "无。", " 无 ", "none_declared"]) expect(saysNone(none)).toBe(true);
  for (const other of ["", "无投诉", "暂无", "-"]) expect(saysNone(other)).toBe(false);
  expect(FieldChanges.parse({ litigation: "无", donations: "无" })).toEqual({
    litigation: "none_declared",
    donations: "none_declared",
  });
  expect([stateOf(null), stateOf("none_declared"), stateOf("有两件")]).toEqual(["missing", "none_declared", "value"]);
});

it("reads the sources of funds as the portal writes them", () => {
  const source = (written: string) => FieldChanges.parse({ fundingSource: written }).fundingSource;
  expect(source("财政差额拨款")).toBe("差额拨款");
  expect(source("其他(捐赠)")).toBe("其他（捐赠）");
  expect(source("自收自支")).toBe("自收自支");
});

it("takes a donation whose balance is what is left, in whole fen", () => {
  const donation = { donor: "某企业", amount: "1.1", purpose: "购书", used: "0.2", balance: "0.9" };
  expect(FieldChanges.parse({ donations: [donation] }).donations).toEqual([
    { ...donation, amount: 1_100_000, used: 200_000, balance: 900_000 },
  ]);
});

it("names every field on which nothing is said", () => {
  const missing = missingIn(emptyFields(2024));
  expect(missing).toHaveLength(19);
  expect(missing.find(({ pointer }) => pointer === "/uscc")).toMatchObject({ code: "USCC_MISSING" });
  expect(missing.find(({ pointer }) => pointer === "/uscc")?.detail.zh).toContain("统一社会信用代码");
  expect(missing.find(({ pointer }) => pointer === "/litigation")?.code).toBe("MISSING_DECLARATION");
  expect(missingIn(WHOLE)).toEqual([]);
});

it("finds nothing to say about a sound report", () => {
  expect(codes({})).toEqual([]);
});

it("warns when net assets and capital drift apart by more than a fifth", () => {
  expect(codes({ netAssetsClosing: 1_600_000 })).toEqual([]);
  expect(codes({ netAssetsClosing: 1_599_999 })).toEqual(["CAPITAL_DRIFT"]);
  expect(codes({ netAssetsClosing: 2_400_001 })).toEqual(["CAPITAL_DRIFT"]);
});

it("suspects yuan typed as 万元 when the amounts differ ten-thousandfold", () => {
  expect(codes({ netAssetsClosing: 18_500_000_000 })).toContain("AMOUNT_UNIT_SUSPECT");
  expect(codes({ netAssetsClosing: 200 })).toContain("AMOUNT_UNIT_SUSPECT");
  expect(codes({ netAssetsClosing: 20_000_000 })).toEqual(["CAPITAL_DRIFT"]);
  expect(codes({ netAssetsOpening: 18_500_000_000 })).toEqual(["AMOUNT_UNIT_SUSPECT"]);
  expect(codes({ netAssetsOpening: 20_000_000 })).toEqual([]);
});

it("warns when the year does not open where the last one closed", () => {
  expect(codes({}, { priorClosing: 1_850_000 })).toEqual([]);
  expect(codes({}, { priorClosing: 1_850_001 })).toEqual(["OPENING_NE_PRIOR"]);
});

it("warns of a qualification that ran out within the year and of another name than the registered one", () => {
  expect(codes({ qualifications: [{ name: "许可证", to: "2024-06-30" }] })).toEqual(["QUALIFICATION_EXPIRED"]);
  expect(codes({ qualifications: [{ name: "许可证", to: "2024-12-31" }] })).toEqual([]);
  expect(codes({ institutionName: "云台县档案馆" })).toEqual(["REGISTRY_MISMATCH"]);
});

it("warns of a code whose inner check fails and of qualifiers that contradict each other", () => {
  expect(codes({ uscc: "126104244369000179" })).toEqual(["USCC_ORG_CHECK"]);
  expect(codes({ activities: "全年转发近百余条。" })).toEqual(["CONTRADICTORY_QUALIFIER"]);
});

it.each([
  ["编发文章1000余条", [[1000, "条", "余", "1000余条"]]],
  ["近百余条", [[100, "条", "近…余", "近百余条"]]],
  ["约３００人次", [[300, "人次", "约", "约３００人次"]]],
  ["超过1.5万册", [[15_000, "册", "超过", "超过1.5万册"]]],
  [
    "三百二十多户、两万五千人",
    [
      [320, "户", "多", "三百二十多户"],
      [25_000, "人", "exact", "两万五千人"],
    ],
  ],
  [
    "20余万元，60%以上",
    [
      [20, "万元", "余", "20余万元"],
      [60, "%", "以上", "60%以上"],
    ],
  ],
  ["2021年3月5日第33期", []],
  ["1.县域网络自媒体 2.现代网络", []],
  ["百姓满意，一个中心", []],
])("reads the figures of “%s”", (text, expected) => {
  const figures = figuresIn(text);
  expect(figures.map(({ value, unit, qualifier, text: words }) => [value, unit, qualifier, words])).toEqual(expected);
  for (const figure of figures) expect(text.slice(figure.start, figure.start + figure.text.length)).toBe(figure.text);
});

it("splits a narrative at its headings and loses nothing", () => {
  const text = "主要做了以下工作：一、宣传。开展活动，第一、第二批。二、值守。三、队伍。";
  expect(sectionsOf(text)).toEqual([
    "主要做了以下工作：",
    "一、宣传。开展活动，第一、第二批。",
    "二、值守。",
    "三、队伍。",
  ]);
  fc.assert(
    fc.property(fc.array(fc.constantFrom("一、", "二、", "。", "\n", "文", "三、", "：")), (parts) => {
      expect(sectionsOf(parts.join("")).join("")).toBe(parts.join(""));
    }),
  );
});

it("counts the days after 31 March in China", () => {
  expect(lateness(2025, new Date("2026-03-31T15:59:59Z"))).toEqual({ dueDate: "2026-03-31", late: false, daysLate: 0 });
  expect(lateness(2025, new Date("2026-03-31T16:30:00Z"))).toEqual({ dueDate: "2026-03-31", late: true, daysLate: 1 });
  expect(lateness(2021, new Date("2022-05-30T09:39:00Z")).daysLate).toBe(60);
  expect(lastEndedYear(new Date("2026-12-31T15:59:59Z"))).toBe(2025);
  expect(lastEndedYear(new Date("2026-12-31T16:00:00Z"))).toBe(2026);
});

it("shows 无 as the declaration it is, and amounts with their unit", () => {
  const rows = rowsOf({ ...WHOLE, uscc: null });
  expect(rows.map(({ name }) => name)).not.toContain("uscc");
  expect(rows.find(({ name }) => name === "complaints")).toMatchObject({
    state: "none_declared",
    text: { zh: "无", en: "none (declared)" },
  });
  expect(rows.find(({ name }) => name === "netAssetsClosing")?.text.zh).toBe("1.80万元");
});
