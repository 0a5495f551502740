import type { Column } from "#src/domain/announcements/column.ts";
import type { View } from "./view.ts";

const COLUMN_NAMES: Record<string, [zh: string, en: string]> = {
  home: ["首页", "Front page"],
  notices: ["通知公告", "Notices"],
  "work-news": ["工作动态", "Work news"],
  disclosure: ["信息公开", "Disclosure"],
  "service-hall": ["业务大厅", "Service hall"],
  policies: ["政策法规", "Policies and rules"],
  faq: ["常见问题", "Questions and answers"],
  "civil-code": ["民法典解读", "The Civil Code explained"],
  "epidemic-control": ["疫情防控", "Epidemic control"],
  "poverty-relief": ["脱贫攻坚", "Poverty relief"],
  "rural-revival": ["乡村振兴", "Rural revival"],
  "solar-terms": ["节气", "Solar terms"],
  "anti-drugs": ["禁毒", "Against drugs"],
  "civic-practice": ["新时代文明实践", "Civic practice"],
  vaccination: ["新冠疫苗接种", "Vaccination"],
  "anti-fraud": ["防电诈", "Against fraud"],
  "network-security": ["网络安全", "Network security"],
  "annual-reports": ["年度报告", "Annual reports"],
};

/** A column's name for this reader: the columns of the first start have an English one until a county renames them. */
export function columnName(view: View, slug: string, name: string): string {
  const known = COLUMN_NAMES[slug];
  return view.language === "en" && known && known[0] === name ? known[1] : name;
}

export function columnKind(view: View, kind: Column["kind"]): string {
  const { t } = view;
  const names = {
    news: t("动态", "news"),
    notice: t("通知", "notices"),
    policy: t("政策", "policy"),
    alert: t("预警", "alerts"),
  };
  return names[kind];
}
