import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, it } from "vitest";
import { figuresIn } from "#src/domain/annual-reports/figures.ts";
import { importPage } from "#src/domain/annual-reports/import-page.ts";
import { sectionsOf } from "#src/domain/annual-reports/sections.ts";
import { samplePage } from "#tests/samples/annual-report-page.ts";

/** A real page, kept beside the project and not in it. */
const REAL = "../shared/seed/annual-report-page-2021.txt";

function fieldsOf(text: string) {
  const page = importPage(text);
  if ("errors" in page) throw new Error(JSON.stringify(page.errors));
  return page;
}

const codesOf = (text: string) => {
  const page = importPage(text);
  return "errors" in page ? page.errors.map(({ pointer, code }) => `${pointer} ${code}`) : [];
};

const EXPECTED = {
  reportYear: 2021,
  institutionName: "云台县互联网信息中心",
  purposeAndScope: "提升群众互联网信息素养，组织网络新闻宣传。",
  registeredAddress: "云台县文昌路43号",
  legalRepresentative: "林一",
  registeredCapital: 2_000_000,
  fundingSource: "财政全额拨款",
  sponsoringUnit: "云台县委宣传部",
  netAssetsOpening: 1_850_000,
  netAssetsClosing: 1_800_000,
  onlineName: "none_declared",
  headcount: 7,
  qualifications: "none_declared",
  rewardsSanctions: "none_declared",
  litigation: "none_declared",
  complaints: "none_declared",
  donations: "none_declared",
};

it("reads the fifteen fields, the place and the time of a page as it is copied", () => {
  const page = fieldsOf(samplePage());
  expect(page.fields).toMatchObject(EXPECTED);
  expect(page.fields.activities).toMatch(/^2021年度，.*八、.*。$/s);
  expect(page.fields.uscc).toBeUndefined();
  expect(page.divisionName).toBe("云台县");
  expect(page.originalDate).toBe("2022-05-30T09:39:00.000Z");
  expect(page.warnings).toEqual([]);
});

it.each<[string, (page: string) => string]>([
  ["Windows line ends", (page) => page.replaceAll("\n", "\r\n")],
  [
    "full-width digits and colons",
    (page) => page.replace("1.85万元", "１．８５万元").replace("从业人数 7", "从业人数：７"),
  ],
  ["a value on its label's line", (page) => page.replace("住所\n", "住所： ").replace("开办资金\n", "开办资金")],
  ["a value under a label that had it beside", (page) => page.replace("从业人数 7", "从业人数\n7人")],
  ["spaces around everything", (page) => page.replaceAll("\n", " \n\u3000")],
  ["empty lines between", (page) => page.replaceAll("\n", "\n\n")],
  ["a mark at the start of the file", (page) => `\uFEFF${page}`],
  [
    "opening and closing in two columns",
    (page) => page.replace(/年初数[\s\S]*?1\.8万元/, "年初数(万元)\t年末数(万元)\n1.85\t1.80"),
  ],
  [
    "opening and closing one by one",
    (page) => page.replace(/年初数[\s\S]*?1\.8万元/, "年初数（万元）：1.85\n年末数（万元）：1.8"),
  ],
  ["a label broken over two lines", (page) => page.replace("规定的执行情况", "规定的\n执行情况")],
  ["book-title marks left out", (page) => page.replace("对《条例》和", "对条例和")],
  ["the statute's word for the source of funds", (page) => page.replace("经济来源", "经费来源")],
  ["no list of links at the end", (page) => page.replace(/友情链接[\s\S]*$/, "")],
])("reads the same from a page with %s", (_, change) => {
  const changed = change(samplePage());
  expect(changed).not.toBe(samplePage());
  expect(fieldsOf(changed).fields).toMatchObject(EXPECTED);
});

it.each([
  ["住所\n云台县文昌路43号\n", ["/registeredAddress LABEL_NOT_FOUND"]],
  ["经济来源\n财政全额拨款\n", ["/fundingSource LABEL_NOT_FOUND"]],
  ["绩效和受奖惩及诉讼投诉情况\n无\n", ["/rewardsSanctions LABEL_NOT_FOUND"]],
  ["年末数(万元)\n", ["/netAssetsClosing LABEL_NOT_FOUND"]],
  ["从业人数 7\n", ["/headcount LABEL_NOT_FOUND"]],
])("says which label is not there when “%s” is missing", (part, expected) => {
  expect(samplePage()).toContain(part);
  expect(codesOf(samplePage().replace(part, ""))).toEqual(expected);
});

it("names every label when the text is something else altogether", () => {
  const codes = codesOf("今天天气很好");
  expect(codes).toHaveLength(17);
  expect(codes).toContain("/reportYear REPORT_YEAR");
  expect(codes.filter((code) => code.endsWith("LABEL_NOT_FOUND"))).toHaveLength(16);
  expect(codesOf("")).toHaveLength(17);
});

it.each([
  ["1.85万元", "约2万", "/netAssetsOpening AMOUNT_FORMAT"],
  ["从业人数 7", "从业人数 若干", "/headcount HEADCOUNT"],
  ["网上名称\n无", "网上名称\n", "/onlineName MISSING_DECLARATION"],
  ["网上名称\n无", "网上名称\nyuntai.com", "/onlineName/0 ONLINE_NAME_SUFFIX"],
  ["接收捐赠资助及使用情况\n无", "接收捐赠资助及使用情况\n", "/donations MISSING_DECLARATION"],
  ["情况\n无\n接收", "情况\n\n接收", "/rewardsSanctions MISSING_DECLARATION"],
  ["2万元", "-2万元", "/registeredCapital AMOUNT_NEGATIVE"],
])("refuses a page where “%s” reads “%s”", (part, other, expected) => {
  expect(codesOf(samplePage().replace(part, other))).toEqual([expected]);
});

it("asks to split the box of three statutory items when it is not 无, and keeps its words", () => {
  const page = fieldsOf(samplePage().replace("投诉情况\n无", "投诉情况\n获评先进单位。"));
  expect(page.fields).toMatchObject({ rewardsSanctions: "获评先进单位。" });
  expect(page.fields.litigation).toBeUndefined();
  expect(page.warnings.map(({ code }) => code)).toEqual(["SPLIT_NEEDED"]);
});

it("asks for the details of qualifications and donations it cannot read", () => {
  const text = samplePage()
    .replace("有效期\n无", "有效期\n信息网络传播许可证")
    .replace("使用情况\n无", "使用情况\n接收某企业捐赠书籍");
  const page = fieldsOf(text);
  expect(page.fields.qualifications).toEqual([{ name: "信息网络传播许可证" }]);
  expect(page.fields.donations).toBeUndefined();
  expect(page.warnings.map(({ code }) => code).sort()).toEqual(["DONATIONS_UNREAD", "QUALIFICATION_DETAILS"]);
});

it("takes the year before the publication when the prose names none, and says so", () => {
  const page = fieldsOf(samplePage().replace(/20\d\d年度?/g, ""));
  expect(page.fields.reportYear).toBe(2021);
  expect(page.warnings.map(({ code }) => code)).toEqual(["REPORT_YEAR_ASSUMED"]);
});

it("notices a title that names another institution", () => {
  const page = fieldsOf(samplePage().replace("单位名称\n云台县互联网信息中心", "单位名称\n云台县档案馆"));
  expect(page.warnings.map(({ code }) => code)).toEqual(["TITLE_MISMATCH"]);
});

it("leaves labels inside a narrative alone", () => {
  const page = fieldsOf(samplePage().replace("八、", "\n住所\n没有变更。\n从业人数 7\n八、"));
  expect(page.fields).toMatchObject({ registeredAddress: EXPECTED.registeredAddress, headcount: 7 });
  expect(page.fields.activities).toContain("没有变更。");
});

it("answers fields or faults for whatever is pasted, never anything else", () => {
  const lines = samplePage().split("\n");
  const line = fc.oneof(
    fc.constantFrom(...lines),
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("约2万", "无", "：", ""),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 60 }), (pasted) => {
      const page = importPage(pasted.join("\n"));
      expect("errors" in page ? page.errors.length > 0 : page.fields.reportYear > 0).toBe(true);
    }),
  );
});

it.each([
  ["numerals", "一".repeat(20_000)],
  ["digits", "9".repeat(20_000)],
  ["line ends", `。${"\n".repeat(19_999)}`],
  ["spaces", `。${" ".repeat(19_999)}`],
  ["headings", "。一、".repeat(6000)],
])("does not brood over a narrative of nothing but %s", (_, text) => {
  const start = performance.now();
  figuresIn(text);
  sectionsOf(text);
  expect(performance.now() - start).toBeLessThan(1000);
});

it.each([
  ["empty lines", "\n".repeat(200_000)],
  ["beginnings of labels", "对\n".repeat(60_000)],
  ["one line", "住".repeat(80_000)],
  ["headers", `资产损益情况\n${"年初数 ".repeat(20_000)}`],
])("does not brood over a page of nothing but %s", (_, text) => {
  const start = performance.now();
  expect(importPage(text)).toHaveProperty("errors");
  expect(performance.now() - start).toBeLessThan(2000);
});

it.skipIf(!existsSync(REAL))("reads the published page of 2021 exactly", () => {
  const page = fieldsOf(readFileSync(REAL, "utf8"));
  const { activities = "", purposeAndScope, changeRegistrationCompliance, ...rest } = page.fields;
  expect(rest).toEqual({
    reportYear: 2021,
    institutionName: "乾县互联网信息中心",
    registeredAddress: "乾县风水台街43号县委宣传部",
    legalRepresentative: expect.stringMatching(/^\p{Script=Han}{2}$/u),
    registeredCapital: 2_000_000,
    fundingSource: "财政全额拨款",
    sponsoringUnit: "中共乾县县委宣传部",
    netAssetsOpening: 1_850_000,
    netAssetsClosing: 1_800_000,
    onlineName: "none_declared",
    headcount: 7,
    qualifications: "none_declared",
    rewardsSanctions: "none_declared",
    litigation: "none_declared",
    complaints: "none_declared",
    donations: "none_declared",
  });
  expect(purposeAndScope).toMatch(/^提升群众.*等工作。$/);
  expect(changeRegistrationCompliance).toMatch(/^2021年。.*等情况。$/);
  expect([...(activities ?? "")]).toHaveLength(1713);
  expect(sectionsOf(activities ?? "")).toHaveLength(9);
  expect(page).toMatchObject({ divisionName: "乾县", originalDate: "2022-05-30T09:39:00.000Z", warnings: [] });
  expect(figuresIn(activities ?? "").map(({ text }) => text)).toEqual([
    "24小时",
    "1000余条",
    "400余条",
    "98起",
    "33期",
    "112名",
    "45名",
    "60余次",
    "近百余条",
    "80余条",
    "1000余张",
  ]);
});
