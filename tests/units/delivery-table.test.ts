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

it("links the digest that a delivery waits for or went out in", () => {
  const digest = `digest_weekly_2026-03-02.1.${ENDPOINT}`;
  const link = `<a href="/console/announcements/digest_weekly_2026-03-02?endpoint=${ENDPOINT}&amp;lang=zh-CN">每周汇总 2026-03-02`;
  expect(shown({ state: "held", digest, dueAt: "2026-03-02T00:00:00.000Z" })).toContain(
    `等待${link}，2026年3月2日 08:00`,
  );
  expect(shown({ state: "delivered", digest })).toContain(`随${link}发出`);
});
