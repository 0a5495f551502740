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

/** The English name of a column of the first start; undefined for a county's own one, and once a county renamed it. */
export function englishColumnName(slug: string, name: string): string | undefined {
  const known = COLUMN_NAMES[slug];
  return known?.[0] === name ? known[1] : undefined;
}
