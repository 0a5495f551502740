import { z } from "zod";
import { fault } from "#src/errors.ts";
import { schema } from "#src/schema.ts";

export const COLUMN_KINDS = ["news", "notice", "policy", "alert"] as const;

export const ColumnSlug = schema(() =>
  z
    .string()
    .max(64)
    .regex(
      /^[a-z0-9]+(-[a-z0-9]+)*$/,
      fault("SLUG", "栏目标识只能用小写字母、数字和连字符", "a slug has lower-case letters, digits and single hyphens"),
    ),
);

/** `approvals`: how many reviewers must approve before a text of this column goes out (三审 = 3). */
export const NewColumn = schema(() =>
  z.strictObject({
    name: z.string().trim().min(1).max(50),
    kind: z.enum(COLUMN_KINDS),
    mayBreakQuietHours: z.boolean(),
    approvals: z.int().min(0).max(3),
  }),
);
export type NewColumn = z.infer<ReturnType<typeof NewColumn>>;

export const Column = schema(() => z.object({ ...NewColumn().shape, slug: ColumnSlug(), version: z.int().min(1) }));
export type Column = z.infer<ReturnType<typeof Column>>;

function column(slug: string, name: string, kind: Column["kind"], mayBreakQuietHours = false, approvals = 1): Column {
  return { slug, name, kind, mayBreakQuietHours, approvals, version: 1 };
}

/** What exists from the first start; a PUT overrides one. Sections of the portal first, then columns, then reports. */
export const DEFAULT_COLUMNS: readonly Column[] = [
  column("home", "首页", "news"),
  column("notices", "通知公告", "notice"),
  column("work-news", "工作动态", "news"),
  column("disclosure", "信息公开", "policy"),
  column("service-hall", "业务大厅", "notice"),
  column("policies", "政策法规", "policy"),
  column("faq", "常见问题", "notice"),
  column("civil-code", "民法典解读", "news"),
  column("epidemic-control", "疫情防控", "alert", true),
  column("poverty-relief", "脱贫攻坚", "news"),
  column("rural-revival", "乡村振兴", "news"),
  column("solar-terms", "节气", "news"),
  column("anti-drugs", "禁毒", "news"),
  column("civic-practice", "新时代文明实践", "news"),
  column("vaccination", "新冠疫苗接种", "notice"),
  column("anti-fraud", "防电诈", "alert", true),
  column("network-security", "网络安全", "alert", true),
  column("annual-reports", "年度报告", "notice"),
];

/** The column of duty alarms: internal, so it stands in no list and nobody can draft into it. */
export const DUTY_COLUMN: Column = column("duty", "值班提醒", "alert", true, 0);
