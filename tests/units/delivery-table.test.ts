import { expect, it } from "vitest";
import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import { deliveryTable } from "#src/web/pages/delivery-table.ts";
import { siteOf } from "#src/web/pages/site.ts";
import { viewOf } from "#src/web/pages/view.ts";

const ENDPOINT = "abcdefghijklmnop";
const row: DeliveryRow = {
  id: `ann_1.1.${ENDPOINT}`,
  announcement: "ann_1",
  revision: 1,
  endpoint: ENDPOINT,
  channel: "webhook",
  state: "waiting",
  matched: ["all"],
  attempts: [],
};

function shown(more: Partial<DeliveryRow>, language = "zh-CN"): string {
  const request = new Request(`http://127.0.0.1/console?lang=${language}`);
  const table = deliveryTable(viewOf(request, { site: siteOf({}), baseUrl: "http://127.0.0.1" }), [
    { ...row, ...more },
  ]);
  return table.toString().replaceAll(/<(?!a )[^>]*>/g, "");
}

it("says why a delivery was not needed, in the reader's language", () => {
  expect(shown({ state: "suppressed", reason: "first choice reached" })).toContain("首选接收端已收到，备用的不必再发");
  expect(shown({ state: "suppressed", reason: "fallback took over" })).toContain("已由备用接收端接替");
  expect(shown({ state: "suppressed", reason: "fallback took over" }, "en")).toContain("the fallback took over");
});

it("says what a delivery waits for, and until when", () => {
  const dueAt = "2026-03-02T02:30:00.000Z";
  expect(shown({ waitsFor: "rate", dueAt })).toMatch(/渠道限速下次：2026年3月2日 10:30/);
  expect(shown({ waitsFor: "quota", dueAt })).toContain("等待配额");
  expect(shown({ waitsFor: "configuration", dueAt })).toContain("等待设置");
});

it("offers no button for what a quota, a pace or a refused credential holds: it would do nothing", () => {
  const dueAt = "2026-03-02T02:30:00.000Z";
  for (const waitsFor of ["rate", "quota", "configuration"] as const)
    expect(shown({ waitsFor, dueAt })).not.toContain("重新推送");
  expect(shown({ dueAt })).toContain("重新推送");
});

it("links the digest that a delivery waits for or went out in", () => {
  const digest = `digest_weekly_2026-03-02.1.${ENDPOINT}`;
  const link = `<a href="/console/announcements/digest_weekly_2026-03-02?endpoint=${ENDPOINT}&amp;lang=zh-CN">每周汇总 2026-03-02`;
  expect(shown({ state: "held", digest, dueAt: "2026-03-02T00:00:00.000Z" })).toContain(
    `等待${link}，2026年3月2日 08:00`,
  );
  expect(shown({ state: "delivered", digest })).toContain(`随${link}发出`);
});

it("words what went wrong in the reader's language, and quotes what others said", () => {
  const at = { at: "2026-03-02T02:30:05.000Z", outcome: "retry", ms: 1234, trigger: "plan" } as const;
  const said = (error: string, language?: string) => shown({ attempts: [{ ...at, error }] }, language);
  expect(said("no answer in time")).toContain("对方未在规定时间内回答");
  expect(said("no answer in time")).not.toContain("no answer");
  expect(said("no answer in time", "en")).toContain("no answer in time");
  expect(said("errcode 45009: the day's calls are used up")).toContain("错误码 45009：今日调用次数已用完");
  expect(said("errcode 45047: too many replies in the window, and no notice is set up for this account")).toContain(
    "错误码 45047：时限内可回复的条数已用完，且该账号未设置通知模板",
  );
  expect(said("code 310000: 内容不含关键词", "en")).toContain("code 310000: they said: “内容不含关键词”");
  expect(said("550 5.7.1 rejected by policy")).toContain("对方原话：“550 5.7.1 rejected by policy”");
  expect(said("ECONNREFUSED connect ECONNREFUSED 192.0.2.1:25")).toContain("连接被拒绝 ECONNREFUSED connect");
  expect(shown({ attempts: [{ ...at, status: 503, error: "503" }] })).not.toMatch(/503.*503/);
});

it("says why each attempt was made, when to the second, and how long it took", () => {
  const at = { at: "2026-03-02T02:30:05.000Z", outcome: "delivered", ms: 1234 } as const;
  const triggers = ["plan", "schedule", "release", "person", "receipt"] as const;
  const attempts = triggers.map((trigger) => ({ ...at, trigger }));
  const words = ["首次推送", "自动重试", "暂缓后推送", "人工重推", "平台回执"];
  for (const word of words) expect(shown({ attempts })).toContain(`2026年3月2日 10:30:05${word}：送达 1.2 秒`);
  expect(shown({ attempts }, "en")).toContain(
    "2 March 2026, 10:30:05 (Beijing time)sent again by hand: delivered 1.2 s",
  );
  const settled = {
    ...at,
    outcome: "rejected",
    trigger: "person",
    ms: 0,
    note: "电话核实",
    by: "mem_1",
    byName: "王编辑",
  } as const;
  expect(shown({ attempts: [settled] })).toContain("人工认定：未送达依据：电话核实认定人：王编辑");
  expect(shown({ attempts: [{ ...at, outcome: "rejected", trigger: "receipt", ms: 0 }] })).toContain(
    "平台回执：未送达",
  );
});
