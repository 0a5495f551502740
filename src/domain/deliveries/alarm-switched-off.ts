import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { shanghaiMinute } from "#src/domain/calendar/dates.ts";
import { type AddressedChannels, shownAddress } from "#src/domain/subscriptions/channel.ts";
import type { Subscription } from "#src/domain/subscriptions/subscription.ts";
import type { Table } from "#src/platform/table.ts";
import { PRODUCT } from "#src/text.ts";

/**
 * Tells the people on duty that an endpoint was switched off because it failed for days, once for all its subscriptions.
 * They know its owner; the text names the host, never the path of a webhook, which may be a secret; of
 * several robots at one host it shows which one.
 */
export async function alarmSwitchedOff(
  deps: { table: Table; now: () => Date; baseUrl: string; channels: AddressedChannels },
  { endpoint, channel, address, endedAt = "" }: Subscription,
): Promise<void> {
  const place = URL.canParse(address) && address.startsWith("http") ? `${channel} ${new URL(address).host}` : channel;
  const shown = shownAddress(deps.channels, channel, address);
  const which = shown === address ? place : `${channel} ${shown}`;
  const at = shanghaiMinute(new Date(endedAt));
  const summary = `接收端 ${endpoint}（${which}）连续多日推送失败，已于${at}停用。请通知其负责人，重新确认后恢复推送。`;
  await publishInternal(deps, {
    content: {
      title: `接收端已停用 ${place}`.slice(0, 80),
      summary,
      body: `${summary}\n\n<${deps.baseUrl}/console>`,
      column: DUTY_COLUMN.slug,
      unitId: "duty",
      tags: [],
      urgency: "important",
      language: "zh-CN",
    },
    unitName: PRODUCT.zh,
    idSeed: ["endpoint-switched-off", endpoint, endedAt],
    topics: ["duty"],
    endpoints: [],
  });
}
