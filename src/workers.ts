import type { Config } from "#src/config.ts";
import { REVISION_FEED } from "#src/domain/announcements/announcement.ts";
import { parseRevision } from "#src/domain/announcements/store.ts";
import type { Said } from "#src/domain/conversations/said.ts";
import { CHANNELS, type ChannelName } from "#src/domain/deliveries/channel.ts";
import { type DeliveryDeps, deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { SUBSCRIPTION_FEED } from "#src/domain/subscriptions/subscribe.ts";
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
  /** What is answered to words from a chat; undefined: nothing. */
  chat: { answer(said: Said): Promise<string | undefined> };
};

/** Everything that runs without a request: the feed, the queues, the schedule and the chat. A push needs no more than is loaded here. */
export function makeWorkers(deps: DeliveryDeps & { bucket: Bucket; config: Config }): Workers {
  const { table, bucket, now, log, config } = deps;
  const deliveries = deliveryHandlers(deps);

  async function follow({ item }: Change): Promise<void> {
    if (item.feed === REVISION_FEED) await deliveries.planFanout(parseRevision(item));
    else if (item.feed === SUBSCRIPTION_FEED) await deliveries.askSubscription(item);
    else if (!(await followCase(item))) log.error("feed-unknown", { feed: item.feed });
  }

  async function followCase(item: Item): Promise<boolean> {
    const { CASE_FEED } = await import("#src/domain/cases/case.ts");
    if (item.feed !== CASE_FEED) return false;
    const { parseCase } = await import("#src/domain/cases/store.ts");
    const { alarmDuty } = await import("#src/domain/cases/alarm-duty.ts");
    await alarmDuty({ table, now, baseUrl: config.baseUrl }, parseCase(item));
    return true;
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
      answer: async (said) => {
        const { answerChat } = await import("#src/domain/conversations/answer-chat.ts");
        return answerChat({ table, bucket, now, baseUrl: config.baseUrl }, said);
      },
    },
  };
}
