import type { Config } from "#src/config.ts";
import { REVISION_FEED, type Revision } from "#src/domain/announcements/announcement.ts";
import { parseRevision } from "#src/domain/announcements/store.ts";
import { CASE_FEED } from "#src/domain/cases/feed.ts";
import type { Said } from "#src/domain/conversations/said.ts";
import { CHANNELS, type ChannelName } from "#src/domain/deliveries/channel.ts";
import { type DeliveryDeps, deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { parseSetupWord, SETUP_FEED } from "#src/domain/deliveries/setup-feed.ts";
import { SUBSCRIPTION_FEED } from "#src/domain/subscriptions/feed.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import type { MessageHandler } from "#src/platform/queue.ts";
import type { Change, ChangeHandler, Item } from "#src/platform/table.ts";

export type Workers = {
  handlers: {
    dispatch: ChangeHandler;
    fanout: MessageHandler;
    urgent: MessageHandler;
    late: MessageHandler;
    deliver: Record<ChannelName, MessageHandler>;
    /** Every minute on AWS, every second embedded: what is due, what was left lying. */
    tick: () => Promise<void>;
  };
  /** `answer`: what is answered to words from a chat; undefined: nothing. */
  chat: {
    answer(said: Said): Promise<string | undefined>;
    /** Runs what the bot itself has to say when the account may send: its pushes and its answers share one pace. */
    inTurn<T>(task: () => Promise<T>): Promise<T>;
    /** Somebody had to scan: the account begins slowly. */
    freshLogin(): Promise<void>;
  };
};

/** Everything that runs without a request: the feed, the queues, the schedule and the chat. A push needs no more than is loaded here. */
export function makeWorkers(deps: DeliveryDeps & { bucket: Bucket; config: Config }): Workers {
  const { table, bucket, now, log, config } = deps;
  const deliveries = deliveryHandlers(deps);
  let alarming: ReturnType<typeof loadDuty> | undefined;

  async function follow({ item }: Change): Promise<void> {
    if (item.feed === REVISION_FEED) await followRevision(parseRevision(item));
    else if (item.feed === SUBSCRIPTION_FEED) await deliveries.askSubscription(item);
    else if (item.feed === SETUP_FEED) await deliveries.wakeWaiting(parseSetupWord(item));
    else if (item.feed === CASE_FEED) {
      alarming ??= loadDuty(); // once: an import of what is loaded already still costs more than an alarm
      await (await alarming)(item);
    } else log.error("feed-unknown", { feed: item.feed });
  }

  async function followRevision(revision: Revision): Promise<void> {
    await deliveries.planFanout(revision);
    if (revision.kind !== "corrected") return;
    const { indexCorrection } = await import("#src/domain/announcements/index-words.ts");
    await indexCorrection({ table }, revision);
  }

  async function loadDuty(): Promise<(item: Item) => Promise<void>> {
    const { alarmDuty, parseAlarmingCase } = await import("#src/domain/cases/alarm-duty.ts");
    const duty = { table, now, baseUrl: config.baseUrl, flooded: new Map() };
    return (item) => alarmDuty(duty, parseAlarmingCase(item));
  }

  async function lookAtTheWeek(): Promise<void> {
    const { weeklyLook } = await import("#src/domain/deliveries/weekly-look.ts");
    const { getUnit } = await import("#src/domain/units/read.ts");
    await weeklyLook({
      ...{ table, now, baseUrl: config.baseUrl },
      hasUnit: async (id) => (await getUnit({ table }, id)) !== undefined,
    });
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
      late: deliveries.late,
      deliver: Object.fromEntries(CHANNELS.map((name) => [name, deliveries.deliver(name)])) as Record<
        ChannelName,
        MessageHandler
      >,
      tick: async () => {
        const { publishDue } = await import("#src/domain/announcements/publish-due.ts");
        const { admitUploads } = await import("#src/domain/cases/attachments.ts");
        const { indexNewWords } = await import("#src/domain/announcements/index-words.ts");
        const steps: (() => Promise<unknown>)[] = [
          () => publishDue({ table, now, log }),
          () => deliveries.sweep(),
          () => admitUploads({ table, bucket, log }),
          () => indexNewWords({ table, now }),
          () => lookAtTheWeek(),
        ];
        for (const step of steps) await step().catch((error) => log.error("tick", { detail: String(error) }));
      },
    },
    chat: {
      answer: async (said) => {
        const { answerChat } = await import("#src/domain/conversations/answer-chat.ts");
        return answerChat({ table, bucket, now, baseUrl: config.baseUrl }, said);
      },
      inTurn: (task) => deliveries.inTurn("wechaty", "", task),
      freshLogin: () => deliveries.freshLogin("wechaty", ""),
    },
  };
}
