import type { Config } from "#src/config.ts";
import { REVISION_FEED } from "#src/domain/announcements/announcement.ts";
import { parseRevision } from "#src/domain/announcements/store.ts";
import { CASE_FEED } from "#src/domain/cases/feed.ts";
import { CHANNELS, type ChannelName } from "#src/domain/deliveries/channel.ts";
import { type DeliveryDeps, deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { SUBSCRIPTION_FEED } from "#src/domain/subscriptions/feed.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import type { MessageHandler } from "#src/platform/queue.ts";
import type { Change, ChangeHandler, Item } from "#src/platform/table.ts";

export type Workers = {
  handlers: {
    dispatch: ChangeHandler;
    fanout: MessageHandler;
    urgent: MessageHandler;
    deliver: Record<ChannelName, MessageHandler>;
    /** Every minute on AWS, every second embedded: what is due, what was left lying. */
    tick: () => Promise<void>;
  };
  /** What the bot does with words from a chat. */
  chat: {
    onCode(address: string, code: string): Promise<boolean>;
    onStop(address: string): Promise<boolean>;
  };
};

/** Everything that runs without a request: the feed, the queues, the schedule and the chat. A push needs no more than is loaded here. */
export function makeWorkers(deps: DeliveryDeps & { bucket: Bucket; config: Config }): Workers {
  const { table, bucket, now, log, config } = deps;
  const deliveries = deliveryHandlers(deps);
  let alarming: ReturnType<typeof loadDuty> | undefined;

  async function follow({ item }: Change): Promise<void> {
    if (item.feed === REVISION_FEED) await deliveries.planFanout(parseRevision(item));
    else if (item.feed === SUBSCRIPTION_FEED) await deliveries.askSubscription(item);
    else if (item.feed === CASE_FEED) {
      alarming ??= loadDuty(); // once: an import of what is loaded already still costs more than an alarm
      await (await alarming)(item);
    } else log.error("feed-unknown", { feed: item.feed });
  }

  async function loadDuty(): Promise<(item: Item) => Promise<void>> {
    const { alarmDuty, parseAlarmingCase } = await import("#src/domain/cases/alarm-duty.ts");
    const duty = { table, now, baseUrl: config.baseUrl, flooded: new Map() };
    return (item) => alarmDuty(duty, parseAlarmingCase(item));
  }

  return {
    handlers: {
      dispatch: async (changes) => {
        const failed: string[] = [];
        for (const change of changes) {
          try {
            await follow(change);
          } catch (error) {
            log.error("dispatch-failed", { change: change.id, detail: String(error).slice(0, 500) });
            failed.push(change.id);
          }
        }
        return { failed };
      },
      fanout: deliveries.fanout,
      urgent: deliveries.urgent,
      deliver: Object.fromEntries(CHANNELS.map((name) => [name, deliveries.deliver(name)])) as Record<
        ChannelName,
        MessageHandler
      >,
      tick: async () => {
        const { publishDue } = await import("#src/domain/announcements/publish-due.ts");
        const { admitUploads } = await import("#src/domain/cases/attachments.ts");
        const steps = [
          () => publishDue({ table, now, log }),
          () => deliveries.sweep(),
          () => admitUploads({ table, bucket, log }),
        ];
        for (const step of steps) await step().catch((error) => log.error("tick", { detail: String(error) }));
      },
    },
    chat: {
      onCode: async (address, code) => {
        const { confirmByCode } = await import("#src/domain/subscriptions/confirm.ts");
        return (await confirmByCode({ table, now }, { channel: "wechaty", address, code })).length > 0;
      },
      onStop: async (address) => {
        const endpoint = endpointKey("wechaty", address);
        const open = (await subscriptionsOf(table, endpoint)).filter(({ status }) => status === "confirmed");
        const { endEndpoint } = await import("#src/domain/subscriptions/end-endpoint.ts");
        if (open.length > 0) await endEndpoint({ table, now }, endpoint, "asked in the chat");
        return open.length > 0;
      },
    },
  };
}
