import { z } from "zod";
import { DIVISION_UNKNOWN, isDivisionCode } from "#src/domain/units/divisions.ts";
import { fault } from "#src/errors.ts";
import { DeclaredAttachment, MAX_ATTACHMENTS } from "./attachment.ts";
import { defanged, isWebAddress } from "./web-address.ts";

export const CASE_TYPES = [
  "scam_site",
  "defaced_official_site",
  "rumour",
  "service_complaint",
  "suggestion",
  "other",
] as const;
export const CaseType = z.enum(CASE_TYPES, fault("CASE_TYPE", "请选择事项类型", "choose a type of case"));
export type CaseType = z.infer<typeof CaseType>;

const HTML = /<[a-z/!?]/i;
const NO_HTML = fault("HTML_NOT_ALLOWED", "不能包含HTML标签", "HTML is not allowed");

/** A length in code points, counted only when the length in UTF-16 leaves it open. */
function hasCharacters(from: number, to: number): (text: string) => boolean {
  return (text) => {
    if (text.length < from || text.length > 2 * to) return false;
    if (text.length >= 2 * from && text.length <= to) return true;
    const { length } = [...text];
    return length >= from && length <= to;
  };
}

function prose(from: number, to: number, code: string, name: { zh: string; en: string }) {
  return z
    .string()
    .trim()
    .refine(
      hasCharacters(from, to),
      fault(code, `${name.zh}须为${from}至${to}个字`, `the ${name.en} must have ${from} to ${to} characters`),
    )
    .refine((text) => !(text.includes("<") && HTML.test(text)), NO_HTML)
    .meta({ minLength: from, maxLength: to });
}

/** How to reach the reporter: given freely, under the notice that the person was shown. */
export const Contact = z
  .strictObject({
    name: z.string().trim().min(1).max(50).exactOptional(),
    phone: z
      .string()
      .trim()
      .regex(/^[+0-9][0-9 -]{4,19}$/, fault("CONTACT_PHONE", "电话号码格式不正确", "this is not a phone number"))
      .exactOptional(),
    email: z
      .email(fault("CONTACT_EMAIL", "邮箱格式不正确", "this is not a mail address"))
      .max(254)
      .exactOptional(),
    noticeVersion: z
      .string(
        fault(
          "CONSENT_REQUIRED",
          "填写联系方式须先阅读并同意告知书",
          "contact details need the version of the notice that was agreed to",
        ),
      )
      .trim()
      .min(1)
      .max(50),
  })
  .refine(
    ({ name, phone, email }) => name !== undefined || phone !== undefined || email !== undefined,
    fault("CONTACT_EMPTY", "请填写联系方式", "name a way to reach you, or leave the contact out"),
  );

/** What somebody sends in. There is no field for a private person's account, and there shall be none. */
export const NewCase = z.strictObject({
  type: CaseType,
  title: prose(4, 80, "TITLE_LENGTH", { zh: "标题", en: "title" }),
  description: prose(10, 4000, "DESCRIPTION_LENGTH", { zh: "情况说明", en: "description" }),
  urls: z
    .array(
      z
        .string()
        .trim()
        .max(2048)
        .refine(isWebAddress, fault("URL_INVALID", "网址须以http://或https://开头", "give an http or https address"))
        .meta({ format: "uri" }),
    )
    .max(10, fault("URL_LIMIT", "网址最多10个", "at most 10 addresses"))
    .exactOptional(),
  occurredAt: z.iso.datetime({ offset: true }).exactOptional(),
  division: z.string().refine(isDivisionCode, DIVISION_UNKNOWN).meta({ pattern: "^[0-9]{6}$" }).exactOptional(),
  unitId: z.string().min(1).max(64).exactOptional(),
  attachments: z
    .array(DeclaredAttachment())
    .max(
      MAX_ATTACHMENTS,
      fault("ATTACHMENT_LIMIT", `附件最多${MAX_ATTACHMENTS}个`, `at most ${MAX_ATTACHMENTS} attachments`),
    )
    .exactOptional(),
  contact: Contact.exactOptional(),
  /** Whether the text may be published once it is answered; a consent of its own. */
  publish: z.boolean().default(false),
});
export type NewCase = z.infer<typeof NewCase>;

/** A case as it is kept: addresses defanged, the receipt's secret only as its SHA-256. */
export const Case = z.object({
  ...NewCase.shape,
  urls: z.array(z.string()).exactOptional(),
  division: z.string().exactOptional(),
  number: z.string(),
  state: z.literal("received"),
  version: z.int(),
  secretHash: z.string(),
  receivedAt: z.string(),
  dueAt: z.string(),
  /** True while the calendar does not cover the due day yet. */
  provisional: z.literal(true).exactOptional(),
});
export type Case = z.infer<typeof Case>;

export function caseId(number: string): string {
  return `case_${number.replace("-", "")}`;
}

export function kept(urls: string[]): string[] {
  return urls.map(defanged);
}
