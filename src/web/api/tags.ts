import type { Text } from "#src/text.ts";

/** The nouns under which the document sorts the calls. */
export const TAGS = {
  "annual reports": {
    zh: "年度报告",
    en: "The yearly reports of public institutions, from draft to published revision",
  },
  cases: { zh: "事项", en: "What people send in, and how it is followed with a receipt" },
  announcements: { zh: "公告", en: "Authored, reviewed texts; every publish makes an immutable revision" },
  events: { zh: "发布事件", en: "Word from other systems that something was published" },
  subscriptions: { zh: "订阅", en: "What an endpoint wants, confirmed by the endpoint itself" },
  deliveries: { zh: "推送", en: "One revision to one endpoint, with its state and attempts" },
  units: { zh: "单位", en: "Organisations that report, answer and publish" },
  columns: { zh: "栏目", en: "Named streams of announcements with a policy" },
  members: { zh: "人员", en: "Who may do what: tokens and their roles" },
  health: { zh: "运行状态", en: "Whether the service answers" },
} satisfies Record<string, Text>;

export type Tag = keyof typeof TAGS;
