import { readFileSync } from "node:fs";
import type { Content } from "#src/domain/announcements/announcement.ts";
import { planCorrection, planWithdrawal, publishDirect } from "#src/domain/announcements/publish-direct.ts";
import { acceptReport } from "#src/domain/annual-reports/accept.ts";
import { editReport } from "#src/domain/annual-reports/edit.ts";
import { fileReport } from "#src/domain/annual-reports/file.ts";
import { importReport } from "#src/domain/annual-reports/import.ts";
import { publishReport } from "#src/domain/annual-reports/publish.ts";
import { sponsorApprove } from "#src/domain/annual-reports/sponsor-approve.ts";
import { submitReport } from "#src/domain/annual-reports/submit.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { putUnit } from "#src/domain/units/put-unit.ts";
import type { NewId } from "#src/ids.ts";
import type { Table } from "#src/platform/table.ts";

const BODY = `各镇（街道）、县直各部门：

近期我县发生多起冒充“医保局”“社保局”工作人员的诈骗案件。骗子以**医保卡异常**、补缴社保为由，要求群众点击短信链接或下载陌生软件。现提醒如下：

1. 任何单位都不会通过短信链接要求填写银行卡密码和验证码；
2. 接到可疑电话，先挂断，再拨打 **96110** 核实；
3. 已经转账的，立即拨打 110 报警，并保留聊天和转账记录。

## 常见手法

| 手法 | 话术 | 应对 |
| --- | --- | --- |
| 冒充医保 | “您的医保卡已停用” | 到窗口或官方程序查询 |
| 冒充客服 | “快递丢失双倍赔偿” | 在原平台联系商家 |
| 刷单返利 | “动动手指日赚三百” | 一律不参与 |

> 不轻信、不透露、不转账。

详情见 [反诈宣传资料](https://example.org/anti-fraud)，也可到县政务服务大厅领取。`;

const TITLES: [column: string, title: string, urgency: Content["urgency"], days: number][] = [
  ["anti-fraud", "关于警惕冒充医保局工作人员实施电信诈骗的紧急提醒", "urgent", 1],
  ["notices", "关于启用新版群众事项办理回执的通知", "important", 2],
  ["network-security", "2026年国家网络安全宣传周云岭县活动安排", "routine", 4],
  ["rural-revival", "塬上苹果进入采收期，县农技中心发布采后管理要点", "routine", 5],
  ["policies", "云岭县城乡居民基本医疗保险参保缴费政策解读", "routine", 7],
  ["work-news", "县互联网信息中心开展网络安全进校园活动", "routine", 9],
  ["solar-terms", "白露：注意早晚添衣，谨防秋燥", "routine", 11],
  ["civil-code", "民法典里的邻里关系：通行、采光与排水", "routine", 15],
  ["notices", "关于国庆节期间政务服务大厅值班安排的公告", "routine", 20],
  ["anti-drugs", "禁毒志愿者走进乡镇集市", "routine", 26],
];

/** A small invented county with units and announcements, one corrected and one withdrawn; answers their ids. */
export async function sampleCounty(deps: { table: Table; now: () => Date; newId: NewId }) {
  await putUnit(deps, "county-publicity", { name: "中共云岭县委宣传部" });
  await putUnit(deps, "county-internet-centre", {
    name: "云岭县互联网信息中心",
    division: "610424",
    parentId: "county-publicity",
  });
  const publish = async (content: Partial<Content> & { title: string; column: string }, days: number) => {
    const at = new Date(deps.now().getTime() - days * 86_400_000 - 4_000_000);
    const published = await publishDirect(
      { table: deps.table, now: () => at },
      {
        content: {
          body: BODY,
          unitId: "county-internet-centre",
          tags: [],
          urgency: "routine",
          language: "zh-CN",
          ...content,
        },
        audience: { kind: "public" },
        idSeed: ["sample", content.title],
      },
    );
    return published.result.id;
  };
  const ids: string[] = [];
  for (const [column, title, urgency, days] of TITLES)
    ids.push(await publish({ column, title, urgency, tags: column === "anti-fraud" ? ["防诈骗", "医保"] : [] }, days));
  const corrected = await publish(
    {
      column: "notices",
      title: "关于县城部分路段临时交通管制的通告",
      summary: "因管网改造，文昌路东段自10日起分段施工，请过往车辆绕行。",
    },
    3,
  );
  const fix = await planCorrection(deps, {
    id: corrected,
    reason: "施工起始日期由10日更正为12日",
    content: {
      title: "关于县城部分路段临时交通管制的通告",
      summary: "因管网改造，文昌路东段自12日起分段施工，请过往车辆绕行。",
      body: BODY,
      column: "notices",
      unitId: "county-internet-centre",
      tags: [],
      urgency: "routine",
      language: "zh-CN",
    },
  });
  await deps.table.write(fix.writes);
  const withdrawn = await publish({ column: "notices", title: "关于停水范围的通知" }, 6);
  await deps.table.write((await planWithdrawal(deps, { id: withdrawn, reason: "停水计划已取消" })).writes);
  const english = await publish(
    {
      column: "notices",
      title: "Service hall opening hours during the National Day holiday",
      body: "The service hall is open from 9:00 to 17:00 on 1 and 2 October.\n\nBring your *identity card*.",
      language: "en",
    },
    8,
  );
  return { urgent: ids[0] ?? "", corrected, withdrawn, english, report: await publishedReport(deps) };
}

async function publishedReport(deps: { table: Table; now: () => Date; newId: NewId }): Promise<string> {
  const caller: Caller = { id: "sample", name: "sample", roles: ["admin"] };
  const text = readFileSync("src/demo/annual-report-page.txt", "utf8");
  const { id, version } = await importReport(deps, { caller, text });
  await editReport(deps, { id, caller, version, changes: { uscc: "12610424436900018C" } });
  const { contentHash } = await submitReport(deps, { id, caller });
  const opinion = { truthful: true, confidentialityChecked: true, mayPublish: true, signer: "周明" };
  await sponsorApprove(deps, { id, caller, contentHash, opinion });
  await fileReport(deps, { id, caller, contentHash });
  await acceptReport(deps, { id, caller, contentHash });
  await publishReport(deps, { id, caller, contentHash });
  return id;
}
