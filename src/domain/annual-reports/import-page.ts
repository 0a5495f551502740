import { shanghaiDate } from "#src/domain/calendar/dates.ts";
import type { InputError } from "#src/errors.ts";
import { readFault } from "#src/errors.ts";
import type { Warning } from "./annual-report.ts";
import { NONE_DECLARED, saysNone } from "./declared.ts";
import { FieldChanges } from "./fields.ts";
import { readHead, yearIn } from "./page-head.ts";
import { foldLabel, PAGE_LABELS, type PageKey } from "./page-labels.ts";
import { cutPage } from "./page-sections.ts";

/** `divisionName` is the breadcrumb's; `originalDate` the page's own time of publication (RFC 3339 UTC). */
export type ImportedPage = {
  fields: FieldChanges & { reportYear: number };
  divisionName?: string;
  originalDate?: string;
  warnings: Warning[];
};

/**
 * Reads the text of a published annual report as people copy it from a portal's page (mark everything, copy). Answers
 * the fields, or what is wrong with them: `LABEL_NOT_FOUND` for a label that is not there, else the field's own code.
 */
export function importPage(text: string): ImportedPage | { errors: InputError[] } {
  const { head, sections } = cutPage(text);
  const page = readHead(head);
  const warnings: Warning[] = [];
  const errors = notFound(sections);
  const assets = netAssets(sections.get("netAssets"));
  if (sections.has("netAssets")) errors.push(...assets.errors);
  const values: Record<string, unknown> = {
    ...plain(sections),
    ...assets.values,
    ...declarations(sections, warnings),
    ...year(sections, page.publishedAt, warnings, errors),
  };
  const parsed = FieldChanges.safeParse(values);
  for (const issue of parsed.error?.issues ?? []) {
    const pointer = issue.path.map((step) => `/${String(step)}`).join("");
    const known = readFault(issue.message);
    const detail = known?.detail ?? { zh: "内容有误", en: "not acceptable" };
    if (!errors.some((error) => error.pointer === pointer))
      errors.push({ pointer, code: known?.code ?? "VALUE", detail });
  }
  const reportYear = parsed.data?.reportYear;
  if (errors.length > 0 || parsed.data === undefined || reportYear === undefined) return { errors };
  return {
    fields: { ...parsed.data, reportYear },
    ...(page.division === undefined ? {} : { divisionName: page.division }),
    ...(page.publishedAt === undefined ? {} : { originalDate: page.publishedAt }),
    warnings: [...warnings, ...namedOtherwise(page.institution, parsed.data.institutionName)],
  };
}

function notFound(sections: Map<PageKey, string>): InputError[] {
  return PAGE_LABELS.filter((label) => label.required && !sections.has(label.key)).flatMap((label) => {
    const pointers = label.key === "netAssets" ? ["/netAssetsOpening", "/netAssetsClosing"] : [pointerOf(label.key)];
    const name = label.names[0];
    const detail = { zh: `找不到栏目“${name}”`, en: `the label "${name}" was not found` };
    return pointers.map((pointer) => ({ pointer, code: "LABEL_NOT_FOUND", detail }));
  });
}

function pointerOf(key: PageKey): string {
  return key === "performance" ? "/rewardsSanctions" : `/${key}`;
}

function plain(sections: Map<PageKey, string>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const keys: PageKey[] = [
    "institutionName",
    "purposeAndScope",
    "registeredAddress",
    "legalRepresentative",
    "registeredCapital",
    "sponsoringUnit",
    "changeRegistrationCompliance",
    "activities",
  ];
  for (const key of keys) if (sections.has(key)) values[key] = sections.get(key);
  const uscc = sections.get("uscc");
  if (uscc !== undefined && uscc !== "" && !saysNone(uscc)) values["uscc"] = uscc;
  const source = sections.get("fundingSource");
  if (source !== undefined) values["fundingSource"] = knownFunding(source) ? source : `其他（${source}）`;
  const headcount = sections.get("headcount");
  if (headcount !== undefined) {
    const digits = headcount.normalize("NFKC").replace(/[\s,人名]/g, "");
    values["headcount"] = /^\d+$/.test(digits) ? Number(digits) : headcount;
  }
  return values;
}

function knownFunding(source: string): boolean {
  return source === "" || FieldChanges.shape.fundingSource.safeParse(source).success;
}

/** Two headers, two values, in any lay-out: the nth header belongs to the nth value. */
function netAssets(text: string | undefined): { values: Record<string, string>; errors: InputError[] } {
  const tokens = (text ?? "")
    .normalize("NFKC")
    .replace(/净资产合计/g, " ")
    .replace(/(年[初末]数)\s*(?:\(\s*万元\s*\))?\s*:?/g, " $1 ")
    .split(/\s+/)
    .filter((token) => token !== "" && token !== "(万元)");
  const headers = tokens.filter((token) => /^年[初末]数$/.test(token));
  const amounts = tokens.filter((token) => !headers.includes(token));
  const values: Record<string, string> = {};
  const errors: InputError[] = [];
  for (const [header, name] of [
    ["年初数", "netAssetsOpening"],
    ["年末数", "netAssetsClosing"],
  ] as const) {
    const value = headers.includes(header) ? amounts[headers.indexOf(header)] : undefined;
    if (value !== undefined) values[name] = value;
    else {
      const detail = { zh: `找不到“${header}(万元)”或其金额`, en: `"${header}(万元)" or its amount was not found` };
      errors.push({ pointer: `/${name}`, code: "LABEL_NOT_FOUND", detail });
    }
  }
  return { values, errors };
}

function declarations(sections: Map<PageKey, string>, warnings: Warning[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  const onlineName = sections.get("onlineName");
  if (onlineName !== undefined) values["onlineName"] = saysNone(onlineName) ? NONE_DECLARED : words(onlineName);
  const qualifications = sections.get("qualifications");
  if (qualifications !== undefined)
    values["qualifications"] = saysNone(qualifications) ? NONE_DECLARED : named(qualifications, warnings);
  const performance = sections.get("performance");
  if (performance !== undefined) {
    values["rewardsSanctions"] = performance;
    if (saysNone(performance)) Object.assign(values, { litigation: NONE_DECLARED, complaints: NONE_DECLARED });
    else if (performance !== "")
      warnings.push(
        look(
          "SPLIT_NEEDED",
          "/rewardsSanctions",
          "请从中分出诉讼和投诉情况",
          "litigation and complaints are to be split off",
        ),
      );
  }
  const donations = sections.get("donations");
  if (donations !== undefined && saysNone(donations)) values["donations"] = NONE_DECLARED;
  else if (donations === "") values["donations"] = "";
  else if (donations !== undefined) {
    const shown = [...donations].slice(0, 200).join("");
    warnings.push(
      look("DONATIONS_UNREAD", "/donations", `请逐笔填写捐赠：${shown}`, `enter each donation by itself: ${shown}`),
    );
  }
  return values;
}

function words(text: string): string[] {
  return text.split(/[\s,，、;；]+/).filter((word) => word !== "");
}

function named(text: string, warnings: Warning[]): { name: string }[] {
  const names = text.split(/[\n;；]+/).filter((line) => line.trim() !== "");
  if (names.length > 0) {
    const zh = "请补充证明文件的编号和有效期";
    warnings.push(look("QUALIFICATION_DETAILS", "/qualifications", zh, "numbers and validity are to be completed"));
  }
  return names.map((name) => ({ name: [...name.trim()].slice(0, 200).join("") }));
}

/** The year of the prose; without one, the year before the publication. */
function year(
  sections: Map<PageKey, string>,
  publishedAt: string | undefined,
  warnings: Warning[],
  errors: InputError[],
): { reportYear?: number } {
  const written =
    yearIn(sections.get("changeRegistrationCompliance") ?? "") ?? yearIn(sections.get("activities") ?? "");
  if (written !== undefined) return { reportYear: written };
  if (publishedAt !== undefined) {
    const assumed = Number(shanghaiDate(new Date(publishedAt)).slice(0, 4)) - 1;
    const zh = `正文未写明年度，按发布时间推定为${assumed}年`;
    warnings.push(look("REPORT_YEAR_ASSUMED", "/reportYear", zh, `no year in the text; ${assumed} is assumed`));
    return { reportYear: assumed };
  }
  const detail = { zh: "找不到报告年度", en: "the report year was not found" };
  errors.push({ pointer: "/reportYear", code: "REPORT_YEAR", detail });
  return {};
}

function namedOtherwise(title: string | undefined, name: string | null | undefined): Warning[] {
  if (title === undefined || !name || foldLabel(title) === foldLabel(name)) return [];
  const zh = `单位名称与页面标题“${title}”不一致`;
  return [look("TITLE_MISMATCH", "/institutionName", zh, `the page's title names another institution: ${title}`)];
}

function look(code: string, pointer: string, zh: string, en: string): Warning {
  return { code, pointer, detail: { zh, en } };
}
