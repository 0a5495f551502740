import { z } from "zod";
import { isDate } from "#src/domain/calendar/dates.ts";
import { fault } from "#src/errors.ts";
import { parseAmount } from "./amount.ts";
import { NONE_DECLARED, saysNone } from "./declared.ts";

const MAX_OF_LISTS = { onlineName: 10, qualifications: 50, donations: 200 };

const blank = fault(
  "MISSING_DECLARATION",
  "不得留空：没有的请填“无”（none_declared）",
  'cannot be blank: if there is none, say so with "none_declared"',
);

function text(min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((t) => [...t].length >= min, fault("TEXT_TOO_SHORT", `须至少${min}个字`, `at least ${min} characters`))
    .refine((t) => [...t].length <= max, fault("TEXT_TOO_LONG", `不得超过${max}个字`, `at most ${max} characters`));
}

/** Fen, read from an amount in 万元. */
const amount = z
  .union([z.string().max(60), z.number()], {
    error: fault("AMOUNT_FORMAT", "金额须为以万元为单位的数字，如 1.85", "a number of 万元 such as 1.85"),
  })
  .transform((written, context) => {
    const fen = parseAmount(String(written));
    if (typeof fen === "number") return fen;
    context.issues.push({ code: "custom", message: fault(fen.code, fen.detail.zh, fen.detail.en), input: written });
    return z.NEVER;
  });

const positive = fault("AMOUNT_NEGATIVE", "金额不得为负数", "the amount cannot be negative");
const notNegative = amount.refine((fen) => fen >= 0, positive);

const none = z
  .string()
  .refine(saysNone, blank)
  .transform((): typeof NONE_DECLARED => NONE_DECLARED);

function listOf<Member extends z.ZodType>(member: Member, max: number) {
  const many = fault("LIST_TOO_LONG", `不得超过${max}项`, `at most ${max} entries`);
  const few = z.array(member).min(1, blank);
  return z.union([none, few.refine((list) => list.length <= max, many)], { error: blank });
}

const declaredText = z
  .string()
  .trim()
  .min(1, blank)
  .transform((t) => (saysNone(t) ? NONE_DECLARED : t))
  .refine((t) => [...t].length <= 5000, fault("TEXT_TOO_LONG", "不得超过5000个字", "at most 5000 characters"));

const onlineName = z
  .string()
  .trim()
  .max(64)
  .regex(
    /^[\p{Script=Han}A-Za-z0-9-]+\.(公益|政务)(\.cn)?$/u,
    fault("ONLINE_NAME_SUFFIX", "网上名称须以“.公益”或“.政务”结尾", "must end in .公益 or .政务"),
  );

const FUNDING = ["财政全额拨款", "差额拨款", "自收自支"];

/** One of the three, or `其他（…）` with its text; the portal's 财政差额拨款 is 差额拨款. */
const fundingSource = z
  .string()
  .transform((written) => {
    const plain = written.normalize("NFKC").replace(/\s/g, "");
    if (plain === "财政差额拨款") return "差额拨款";
    const other = /^其他\((.{1,50})\)$/.exec(plain)?.[1];
    return other === undefined ? plain : `其他（${other}）`;
  })
  .refine(
    (source) => FUNDING.includes(source) || source.startsWith("其他（"),
    fault(
      "FUNDING_SOURCE",
      "经费来源须为财政全额拨款、差额拨款、自收自支或其他（说明）",
      "one of 财政全额拨款, 差额拨款, 自收自支, 其他（…）",
    ),
  );

const date = z.string().refine(isDate, fault("DATE_RANGE", "日期须为 YYYY-MM-DD", "a date is YYYY-MM-DD"));

const Qualification = z
  .strictObject({
    name: text(1, 200),
    number: z.string().trim().max(100).exactOptional(),
    from: date.exactOptional(),
    to: date.exactOptional(),
  })
  .refine(({ from, to }) => from === undefined || to === undefined || from <= to, {
    message: fault("DATE_RANGE", "有效期的起止日期颠倒", "the validity ends before it starts"),
  });

const Donation = z
  .strictObject({
    donor: text(1, 100),
    amount: notNegative,
    purpose: text(1, 200),
    term: text(1, 200).exactOptional(),
    used: notNegative,
    balance: notNegative,
  })
  .refine((donation) => donation.amount - donation.used === donation.balance, {
    message: fault(
      "DONATION_BALANCE",
      "结余须等于捐赠额减去已使用额",
      "the balance must be the amount less what was used",
    ),
  });

const headcountRule = fault("HEADCOUNT", "从业人数须为0至100000的整数", "a whole number from 0 to 100,000");

/**
 * What a report says, as it comes in: amounts in 万元, `none_declared` (or 无) for a signed "there is none", `null` to take
 * a field back to unsaid. Limits and codes: 事业单位登记管理暂行条例 and its 实施细则, and the portal's forms.
 */
export const FieldChanges = z.strictObject({
  uscc: z.string().max(40).nullable().exactOptional(),
  reportYear: z
    .int(fault("REPORT_YEAR", "报告年度须为年份", "the report year is a year"))
    .min(1998, fault("REPORT_YEAR", "报告年度不得早于1998年", "no earlier than 1998"))
    .max(9999, fault("REPORT_YEAR", "报告年度须为年份", "the report year is a year"))
    .exactOptional(),
  institutionName: text(2, 100).nullable().exactOptional(),
  purposeAndScope: text(1, 2000).nullable().exactOptional(),
  registeredAddress: text(1, 200).nullable().exactOptional(),
  legalRepresentative: text(1, 50).nullable().exactOptional(),
  registeredCapital: notNegative.nullable().exactOptional(),
  fundingSource: fundingSource.nullable().exactOptional(),
  sponsoringUnit: text(1, 100).nullable().exactOptional(),
  netAssetsOpening: amount.nullable().exactOptional(),
  netAssetsClosing: amount.nullable().exactOptional(),
  onlineName: listOf(onlineName, MAX_OF_LISTS.onlineName).nullable().exactOptional(),
  headcount: z.int(headcountRule).min(0, headcountRule).max(100_000, headcountRule).nullable().exactOptional(),
  changeRegistrationCompliance: text(1, 5000).nullable().exactOptional(),
  activities: text(50, 20_000).nullable().exactOptional(),
  qualifications: listOf(Qualification, MAX_OF_LISTS.qualifications).nullable().exactOptional(),
  rewardsSanctions: declaredText.nullable().exactOptional(),
  litigation: declaredText.nullable().exactOptional(),
  complaints: declaredText.nullable().exactOptional(),
  donations: listOf(Donation, MAX_OF_LISTS.donations).nullable().exactOptional(),
});
export type FieldChanges = z.infer<typeof FieldChanges>;

/** Every field of a report, `null` where nothing is said yet. Amounts are whole fen. */
export type Fields = { [Name in keyof Required<FieldChanges>]: Required<FieldChanges>[Name] };
export type FieldName = keyof Fields;

export const AMOUNTS = ["registeredCapital", "netAssetsOpening", "netAssetsClosing"] as const;

export function emptyFields(reportYear: number): Fields {
  return {
    uscc: null,
    reportYear,
    institutionName: null,
    purposeAndScope: null,
    registeredAddress: null,
    legalRepresentative: null,
    registeredCapital: null,
    fundingSource: null,
    sponsoringUnit: null,
    netAssetsOpening: null,
    netAssetsClosing: null,
    onlineName: null,
    headcount: null,
    changeRegistrationCompliance: null,
    activities: null,
    qualifications: null,
    rewardsSanctions: null,
    litigation: null,
    complaints: null,
    donations: null,
  };
}
