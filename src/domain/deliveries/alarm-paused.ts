import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { shanghaiMinute } from "#src/domain/calendar/dates.ts";
import type { Table } from "#src/platform/table.ts";
import { PRODUCT } from "#src/text.ts";
import type { Channel, Links } from "./channel.ts";
import { pausedHash } from "./paced-by.ts";

/**
 * Tells the people on duty that a channel's vendor refuses everything until somebody changes a right or a setting: once for
 * a row of refusals (`since`). Names the channel and the vendor's word, never the credential.
 */
export async function alarmPaused(
  deps: { table: Table; now: () => Date; links: Links },
  channel: Channel,
  { address, since, detail }: { address: string; since: number; detail: string },
): Promise<void> {
  const at = shanghaiMinute(new Date(since));
  const said = detail.replace(/[\p{Cc}\u2028\u2029<>[\]()`*_]+/gu, " ").slice(0, 120);
  const summary = `渠道 ${channel.name} 自${at}起被服务方拒绝（${said}），推送已暂停，设置更正后自动恢复。`;
  await publishInternal(deps, {
    content: {
      title: `渠道已暂停 ${channel.name}`,
      summary,
      body: `${summary}\n\n<${deps.links.source}/console>`,
      column: DUTY_COLUMN.slug,
      unitId: "duty",
      tags: [],
      urgency: "important",
      language: "zh-CN",
    },
    unitName: PRODUCT.zh,
    idSeed: ["channel-paused", channel.name, pausedHash(channel, address), String(since)],
    topics: ["duty"],
    endpoints: [],
  });
}
