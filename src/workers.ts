import type { Config } from "#src/config.ts";
import { REVISION_FEED, type Revision } from "#src/domain/announcements/announcement.ts";
import { parseRevision } from "#src/domain/announcements/store.ts";
import type { dutyAlarms } from "#src/domain/cases/alarm-duty.ts";
import { CASE_FEED } from "#src/domain/cases/feed.ts";
import type { Said } from "#src/domain/conversations/said.ts";
import { CHANNELS, type ChannelName } from "#src/domain/deliveries/channel.ts";
import { type DeliveryDeps, type DeliveryHandlers, deliveryHandlers } from "#src/domain/deliveries/handlers.ts";
import { parseSetupWord, SETUP_FEED } from "#src/domain/deliveries/setup-feed.ts";
import { SUBSCRIPTION_FEED } from "#src/domain/subscriptions/feed.ts";
import { parseSecretWord, SECRET_FEED } from "#src/domain/subscriptions/secret-feed.ts";
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

export type WorkerDeps = Omit<DeliveryDeps, "channels"> & {
  /** Loads them at the first call: an announcement is planned without. */
  channels: () => Promise<DeliveryDeps["channels"]>;
  bucket: Bucket;
  config: Config;
};

/** Everything that runs without a request: the feed, the queues, the schedule and the chat. A push needs no more than is loaded here. */
export function makeWorkers(deps: WorkerDeps): Workers {
  const { table, bucket, now, log, config } = deps;
  let made: Promise<DeliveryHandlers> | undefined;
  const deliveries = (): Promise<DeliveryHandlers> => {
    made ??= deps.channels().then((channels) => deliveryHandlers({ ...deps, channels }));
    return made;
  };
  const working =
    (handlerOf: (handlers: DeliveryHandlers) => MessageHandler): MessageHandler =>
    async (messages, call) =>
      handlerOf(await deliveries())(messages, call);
  let alarm: ReturnType<typeof dutyAlarms> | undefined;
  let desk: typeof import("#src/domain/cases/listing.ts") | undefined;

  /** Undefined when nothing follows from a change. */
  function follow({ item }: Change): Promise<unknown> | undefined {
    if (item.feed === CASE_FEED) return alarm ? alarm(item) : alarmFirst(item);
    if (item.feed === REVISION_FEED) return followRevision(parseRevision(item));
    if (item.feed === SUBSCRIPTION_FEED) return deliveries().then((made) => made.askSubscription(item));
    if (item.feed === SETUP_FEED) return deliveries().then((made) => made.wakeWaiting(parseSetupWord(item)));
    if (item.feed === SECRET_FEED) return deliveries().then((made) => made.secretCorrected(parseSecretWord(item)));
    log.error("feed-unknown", { feed: item.feed });
    return undefined;
  }

  async function alarmFirst(item: Item): Promise<void> {
    const room = await import("#src/domain/cases/alarm-duty.ts");
    alarm ??= room.dutyAlarms({ table, now, baseUrl: config.baseUrl });
    await alarm(item);
  }

  /** Puts new cases on the desks of the units they name, all of a batch at once: a flood must not wait for a write each. Answers those to be told again. */
  async function listForUnits(changes: Change[]): Promise<string[]> {
    const cases = changes.filter(({ item }) => item.feed === CASE_FEED && item["unitId"] !== undefined);
    if (cases.length === 0) return [];
    try {
      desk ??= await import("#src/domain/cases/listing.ts"); // once: an import of what is loaded already costs more than a write
      await table.putAll(desk.unitListItems(cases.map(({ item }) => item)), { patient: true });
      return [];
    } catch (error) {
      log.error("dispatch-failed", { cases: cases.length, detail: String(error).slice(0, 500) });
      return cases.map(({ id }) => id);
    }
  }

  async function followRevision(revision: Revision): Promise<void> {
    await (await import("#src/domain/deliveries/plan-fanout.ts")).planFanout(deps, revision);
    if (revision.kind !== "corrected") return;
    const { indexCorrection } = await import("#src/domain/announcements/index-words.ts");
    await indexCorrection({ table }, revision);
  }

  async function lookAtTheWeek(): Promise<void> {
    const { weeklyLook } = await import("#src/domain/deliveries/weekly-look.ts");
    await weeklyLook({
      ...{ table, now, baseUrl: config.baseUrl },
      hasUnit: async (id) => {
        const { getUnit } = await import("#src/domain/units/read.ts");
        return (await getUnit({ table }, id)) !== undefined;
      },
    });
  }

  return {
    handlers: {
      dispatch: async (changes) => {
        const failed = await listForUnits(changes);
        for (const change of changes) {
          try {
            const following = follow(change);
            if (following !== undefined) await following;
          } catch (error) {
            log.error("dispatch-failed", { change: change.id, detail: String(error).slice(0, 500) });
            if (!failed.includes(change.id)) failed.push(change.id);
          }
        }
        return { failed };
      },
      fanout: working(({ fanout }) => fanout),
      urgent: working(({ urgent }) => urgent),
      late: working(({ late }) => late),
      deliver: Object.fromEntries(CHANNELS.map((name) => [name, working(({ deliver }) => deliver(name))])) as Record<
        ChannelName,
        MessageHandler
      >,
      tick: async () => {
        const { publishDue } = await import("#src/domain/announcements/publish-due.ts");
        const { admitUploads } = await import("#src/domain/cases/attachments.ts");
        const { indexNewWords } = await import("#src/domain/announcements/index-words.ts");
        const steps: (() => Promise<unknown>)[] = [
          () => publishDue({ table, now, log }),
          async () => (await deliveries()).sweep(),
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
      inTurn: async (task) => (await deliveries()).inTurn("wechaty", "", task),
      freshLogin: async () => (await deliveries()).freshLogin("wechaty", ""),
    },
  };
}
