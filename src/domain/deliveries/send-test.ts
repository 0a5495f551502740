import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { shanghaiMinute } from "#src/domain/calendar/dates.ts";
import { knownEndpoint } from "#src/domain/subscriptions/known-endpoint.ts";
import type { Table } from "#src/platform/table.ts";
import { PRODUCT } from "#src/text.ts";
import type { ChannelName } from "./channel.ts";

/**
 * Pushes a test to a channel's canary the way everything is pushed: planned, paced and booked, with a ledger of its own under
 * the id that this answers. Twice within a minute is one test.
 */
export async function sendTest(
  deps: { table: Table; now: () => Date },
  channel: ChannelName,
  canary: string,
): Promise<{ id: string }> {
  const at = shanghaiMinute(deps.now());
  const endpoint = await knownEndpoint(deps.table, channel, canary);
  const summary = `这是一条测试消息，${at}由管理员在工作台发出，用来验证渠道 ${channel} 畅通。无需处理。`;
  const { result } = await publishInternal(deps, {
    content: {
      title: `渠道测试 ${at}`,
      summary,
      body: summary,
      column: DUTY_COLUMN.slug,
      unitId: "duty",
      tags: [],
      urgency: "routine",
      language: "zh-CN",
    },
    unitName: PRODUCT.zh,
    idSeed: ["channel-test", channel, endpoint, at],
    topics: [],
    endpoints: [endpoint],
  });
  return { id: result.id };
}
