import type { SiteOwner } from "#src/config.ts";
import { PRODUCT, type Text } from "#src/text.ts";

/** The portal as it presents itself. */
export type Site = SiteOwner & { name: Text; related: { name: Text; url: string }[] };

/** What the instance's owner says about the site, under the product's name. */
export function siteOf(owner: SiteOwner): Site {
  return {
    name: PRODUCT,
    motto: { zh: "公告看得见，事项有回音", en: "Notices you can find, reports that are answered" },
    related: [],
    ...owner,
  };
}

const SITE_ID = /^(\d{10}|bm\d{8})$/;
const ICP = /^[\u4e00-\u9fff]ICP备\d{5,10}号(-\d{1,3})?$/;

/** What the footer of a government site must carry and this one does not; told at the start, never a reason to stop. */
export function siteWarnings(site: SiteOwner): { code: string; detail: Text }[] {
  const warnings: { code: string; detail: Text }[] = [];
  const warn = (code: string, zh: string, en: string) => warnings.push({ code, detail: { zh, en } });
  if (!site.sponsor) warn("SITE_SPONSOR", "未填写主办单位", "the sponsor is not named");
  if (!site.contact) warn("SITE_CONTACT", "未填写联系方式", "there is no contact");
  if (!site.siteId) warn("SITE_ID", "未填写网站标识码", "there is no site identification code");
  else if (!SITE_ID.test(site.siteId))
    warn("SITE_ID_FORMAT", "网站标识码应为10位数字或bm加8位数字", "a site code is 10 digits, or bm and 8 digits");
  if (!site.icp) warn("SITE_ICP", "未填写ICP备案号及链接", "there is no ICP number with its link");
  else if (!ICP.test(site.icp.number))
    warn("SITE_ICP_FORMAT", "ICP备案号格式应为“省ICP备数字号”", "the ICP number does not read 省ICP备…号");
  if (!site.police) warn("SITE_POLICE", "未填写公安联网备案号", "there is no public-security filing");
  if (!site.mark) warn("SITE_MARK", "未放置党政机关网站标识", "the party-and-government site mark is missing");
  if (!site.errorEntry) warn("SITE_ERROR_ENTRY", "未放置网站找错入口", "the entry for reporting errors is missing");
  return warnings;
}
