/** A label of the published page, folded by `foldLabel`, and what stands under it. `required`: 422 when it is not found. */
export type PageLabel = { key: PageKey; names: string[]; required: boolean; numeric?: boolean };

export type PageKey =
  | "institutionName"
  | "uscc"
  | "purposeAndScope"
  | "registeredAddress"
  | "legalRepresentative"
  | "registeredCapital"
  | "fundingSource"
  | "sponsoringUnit"
  | "netAssets"
  | "onlineName"
  | "headcount"
  | "changeRegistrationCompliance"
  | "activities"
  | "qualifications"
  | "performance"
  | "donations"
  | "end";

/** Without width, spaces, brackets, book-title marks and colons: `年初数（万元）：` and `年初数(万元)` are one label. */
export function foldLabel(text: string): string {
  return text.normalize("NFKC").replace(/[\s《》()[\]【】:;,.。、“”"*]/g, "");
}

export const PAGE_LABELS: PageLabel[] = [
  { key: "institutionName", names: ["单位名称"], required: true },
  { key: "uscc", names: ["统一社会信用代码"], required: false },
  { key: "purposeAndScope", names: ["宗旨和业务范围"], required: true },
  { key: "registeredAddress", names: ["住所"], required: true },
  { key: "legalRepresentative", names: ["法定代表人"], required: true },
  { key: "registeredCapital", names: ["开办资金", "开办资金万元"], required: true, numeric: true },
  { key: "fundingSource", names: ["经济来源", "经费来源"], required: true },
  { key: "sponsoringUnit", names: ["举办单位"], required: true },
  { key: "netAssets", names: ["资产损益情况", "资产损益情况万元"], required: true },
  { key: "onlineName", names: ["网上名称"], required: true },
  { key: "headcount", names: ["从业人数"], required: true, numeric: true },
  {
    key: "changeRegistrationCompliance",
    names: ["对条例和实施细则有关变更登记规定的执行情况", "对条例及实施细则有关变更登记规定的执行情况"],
    required: true,
  },
  { key: "activities", names: ["开展业务活动情况"], required: true },
  {
    key: "qualifications",
    names: ["相关资质认可或执业许可证明文件及有效期", "相关资质认可或者执业许可证明文件及有效期"],
    required: true,
  },
  { key: "performance", names: ["绩效和受奖惩及诉讼投诉情况"], required: true },
  { key: "donations", names: ["接收捐赠资助及使用情况", "接受捐赠资助及使用情况"], required: true },
  { key: "end", names: ["友情链接"], required: false },
];
