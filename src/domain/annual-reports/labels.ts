import type { Text } from "#src/text.ts";
import type { FieldName } from "./fields.ts";

/** The fields in the order of the published page, under the portal's names. */
export const LABELS: Record<FieldName, Text> = {
  institutionName: { zh: "单位名称", en: "Institution" },
  uscc: { zh: "统一社会信用代码", en: "Unified social credit code" },
  reportYear: { zh: "报告年度", en: "Report year" },
  purposeAndScope: { zh: "宗旨和业务范围", en: "Purpose and scope" },
  registeredAddress: { zh: "住所", en: "Registered address" },
  legalRepresentative: { zh: "法定代表人", en: "Legal representative" },
  registeredCapital: { zh: "开办资金", en: "Registered capital" },
  fundingSource: { zh: "经费来源", en: "Source of funds" },
  sponsoringUnit: { zh: "举办单位", en: "Sponsoring unit" },
  netAssetsOpening: { zh: "资产损益情况·年初数", en: "Net assets, opening" },
  netAssetsClosing: { zh: "资产损益情况·年末数", en: "Net assets, closing" },
  onlineName: { zh: "网上名称", en: "Online name" },
  headcount: { zh: "从业人数", en: "Headcount" },
  changeRegistrationCompliance: {
    zh: "对《条例》和实施细则有关变更登记规定的执行情况",
    en: "Compliance with the rules on changes of registration",
  },
  activities: { zh: "开展业务活动情况", en: "Activities" },
  qualifications: { zh: "相关资质认可或执业许可证明文件及有效期", en: "Qualifications and their validity" },
  rewardsSanctions: { zh: "绩效和受奖惩情况", en: "Performance, rewards and sanctions" },
  litigation: { zh: "诉讼情况", en: "Litigation" },
  complaints: { zh: "投诉情况", en: "Complaints" },
  donations: { zh: "接收捐赠资助及使用情况", en: "Donations and their use" },
};

export const FIELD_NAMES = Object.keys(LABELS) as FieldName[];
