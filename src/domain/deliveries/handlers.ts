import { setTimeout as sleep } from "node:timers/promises";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { AskDeps } from "#src/domain/subscriptions/ask-endpoint.ts";
import type { SecretWord } from "#src/domain/subscriptions/secret-feed.ts";
import { parseSubscription } from "#src/domain/subscriptions/store.ts";
import { AppError } from "#src/errors.ts";
import type { NewId } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import type { Clock } from "#src/platform/clock.ts";
import type { Call, Message, MessageHandler, Queue, QueueName } from "#src/platform/queue.ts";
import type { Item, Table } from "#src/platform/table.ts";
import type { Channel, ChannelName, Links } from "./channel.ts";
import { type SettingsReader, settingsReader } from "./channel-settings.ts";
import { ChannelMessage, type LaterMessage, PlanMessage, RangeMessage } from "./message.ts";
import type { Receipt } from "./receipts.ts";
import type { Sender } from "./send.ts";
import type { StepsBack } from "./set-back.ts";
import type { SetupWord } from "./setup-feed.ts";

export type DeliveryDeps = Clock & {
  table: Table;
  queue: (name: QueueName) => Queue;
  channels: Record<ChannelName, Channel>;
  /** See `LeaseDeps`. */
  onlyHost?: string;
  newId: NewId;
  log: Log;
  links: Links;
  /** How this instance runs its channels. */
  settings?: SettingsReader;
  /** See `RunDeps`. */
  room?: { inFlight: number; aside: number };
  patienceMs?: number;
  random?: () => number;
};

export type DeliveryHandlers = {
  /** For a revision that the change feed tells of. */
  planFanout(revision: Revision): Promise<void>;
  /** For a subscription's item that the change feed tells of: its endpoint is asked, or the people on duty are told. */
  askSubscription(item: Item): Promise<void>;
  /** For the word that the settings of a channel have changed. */
  wakeWaiting(word: SetupWord): Promise<void>;
  /** For the word that an endpoint's secret was named anew. */
  secretCorrected(word: SecretWord): Promise<void>;
  fanout: MessageHandler;
  deliver: (channel: ChannelName) => MessageHandler;
  /** Both kinds of work, for texts that nothing routine may keep waiting. */
  urgent: MessageHandler;
  /** Chunks and further attempts that may hang. */
  late: MessageHandler;
  /** A provider's later word on a message it took. */
  receipt(receipt: Receipt): Promise<void>;
  /** Every minute. */
  sweep(): Promise<void>;
  /** A fresh login of the account behind this channel: where it starts slowly, it does so from now on. */
  freshLogin(channel: ChannelName, address: string): Promise<void>;
  /** Runs what is no push but leaves through the same account, when that may send; before the routine pushes that wait. */
  inTurn<T>(channel: ChannelName, address: string, task: () => Promise<T>): Promise<T>;
};

/**
 * Everything that works through the queues. Make it once per process: it counts what is in flight. Each kind of work is loaded by its
 * first message; what every message of a function needs, that function names among its own imports.
 */
export function deliveryHandlers(deps: DeliveryDeps): DeliveryHandlers {
  const settings = deps.settings ?? settingsReader(deps);
  const stepsBack: StepsBack = {};
  const senders = new Map<ChannelName, Promise<Sender>>();
  const senderOf = (name: ChannelName): Promise<Sender> => {
    const sender =
      senders.get(name) ??
      import("./send.ts").then(({ makeSender }) => makeSender({ ...deps, settings }, deps.channels[name]));
    senders.set(name, sender);
    return sender;
  };
  const plan = ({ body, receives }: Message): Promise<void> => {
    const message = PlanMessage().parse(body);
    let times = receives;
    if ("kind" in message) return insist(() => later(message, times++ > 1));
    return insist(async () => (await import("./fan-out.ts")).fanOut(deps, message, times++ > 1));
  };
  let telling: Promise<unknown> = Promise.resolve();
  const later = async (message: LaterMessage, repeated: boolean): Promise<void> => {
    if (message.kind === "receipt") return (await import("./receipts.ts")).applyReceipt(deps, message);
    if (message.kind === "retry-all") return (await import("./retry-all.ts")).retryWindows(deps, message);
    if (message.kind === "retry-one") return (await import("./retry-delivery.ts")).retryOne(deps, message);
    if (message.kind === "settle-one") return (await import("./settle-delivery.ts")).settleOne(deps, message);
    if (message.kind === "outcome") return (await import("./digest-outcome.ts")).enterOutcome(deps, message);
    if (message.kind === "wake-endpoint") return (await import("./wake-endpoint.ts")).wakeEndpoint(deps, message);
    if (message.kind === "wake") return (await import("./wake-waiting.ts")).wakeWaiting(deps, message);
    if (message.kind === "turns") {
      const { tellTurns } = await import("./tell-turns.ts");
      // Two at once would tell the same ones two turns each.
      const told = telling.then(() => tellTurns({ ...deps, settings }, message, repeated));
      telling = told.catch(() => {});
      return told;
    }
    return (await import("./replay.ts")).replayDay(deps, message);
  };
  const deliver = async (name: ChannelName, message: ChannelMessage, queue: QueueName, call?: Call): Promise<void> => {
    const sender = await senderOf(name);
    if (message.kind === "chunk") await insist(() => sender.chunk(message, queue, call));
    else if (message.kind === "retry") await insist(() => sender.retry(message, queue, call));
    else if (message.kind === "ask") {
      const { askProvider } = await import("./ask-provider.ts");
      await insist(() => askProvider(deps, deps.channels[name], message.receipt));
    } else {
      const { askEndpoint } = await import("#src/domain/subscriptions/ask-endpoint.ts");
      await askEndpoint(
        { ...deps, channel: deps.channels[name], ...askedInTurn(deps, deps.channels[name], sender) },
        message,
      );
    }
  };
  return {
    planFanout: async (revision) => {
      await (await import("./plan-fanout.ts")).planFanout(deps, revision);
      if (revision.revision > 1)
        for (const sender of senders.values()) (await sender).supersede(revision.announcementId, revision.revision);
    },
    askSubscription: async (item) => {
      const { queueLeaving, queueQuestion } = await import("#src/domain/subscriptions/ask-endpoint.ts");
      const subscription = parseSubscription(item);
      if (subscription.status !== "switched-off") {
        return queueQuestion(deps, item);
      }
      await queueLeaving(deps, subscription, "denied");
      const { alarmSwitchedOff } = await import("./alarm-switched-off.ts");
      await alarmSwitchedOff({ ...deps, baseUrl: deps.links.source }, subscription);
    },
    wakeWaiting: async (word) => (await import("./wake-waiting.ts")).queueWaking(deps, word),
    secretCorrected: async (word) => (await import("./wake-endpoint.ts")).secretCorrected(deps, word),
    fanout: each(deps.log, plan),
    deliver: (name) =>
      each(deps.log, ({ body }, call) => deliver(name, ChannelMessage().parse(body), deps.channels[name].queue, call)),
    urgent: each(deps.log, (message, call) => {
      const range = RangeMessage().safeParse(message.body);
      if (range.success) return plan(message);
      const work = ChannelMessage().parse(message.body);
      if (work.kind === "confirm" || work.kind === "ask") throw new Error("a question is never urgent");
      return deliver(work.ref.channel as ChannelName, work, "urgent", call);
    }),
    late: each(deps.log, ({ body }) => {
      const work = ChannelMessage().parse(body);
      if (work.kind === "confirm" || work.kind === "ask") throw new Error("a question is never late");
      return deliver(work.ref.channel as ChannelName, work, "deliver-late");
    }),
    receipt: async (receipt) => (await import("./receipts.ts")).applyReceipt(deps, receipt),
    sweep: async () => (await import("./sweep.ts")).sweep(deps, stepsBack),
    freshLogin: async (name, address) => (await senderOf(name)).pace?.restart(address),
    inTurn: async (name, address, task) => {
      const { pace } = await senderOf(name);
      for (let ticket = false; pace; ticket = true) {
        const turn = await pace.turn({ address, urgent: true, ticket });
        if (turn.kind === "go") break;
        await sleep(Math.min(MOST_ASLEEP_MS, Math.max(20, turn.until - deps.now().getTime())));
      }
      return task();
    },
  };
}

/** A question to an endpoint goes out through the same account as the pushes, so it takes its turn. */
function askedInTurn(
  { table, now, log }: Pick<DeliveryDeps, "table" | "now" | "log">,
  channel: Channel,
  { pace }: Sender,
): Pick<AskDeps, "turn" | "paused" | "unpaused"> {
  if (!pace) return {};
  let setup = 0;
  const lifting = () => import("./lift-pause.ts");
  return {
    turn: async ({ address, secrets }, ticket) => {
      // It has a secret of its own, with which it may get through where another one did not. Few a day may be asked to one address.
      const hasOwn = channel.secret !== undefined && secrets.length > 0;
      if (hasOwn && (await (await lifting()).isStoppedForSetup(table, channel, address))) return undefined;
      const turn = await pace.turn({ address, urgent: false, ticket });
      if (turn.kind === "wait") return turn.until;
      setup = turn.setup;
      return undefined;
    },
    paused: async (address, pause) => {
      const stopped = await pace.pause(address, pause, setup);
      if (stopped !== "older") log.warn("channel-paused", { ...pause, first: stopped.first, by: "question" });
    },
    unpaused: async (address) => void (await (await lifting()).liftPause({ table, now }, channel, address)),
  };
}

// Whoever waits for a turn asks anew, in case the clock was set meanwhile.
const MOST_ASLEEP_MS = 60_000;
const PAUSES_MS = [50, 250, 1000];

/** A step may run twice, so a store that hiccups costs a moment and not the message's whole time out of sight. */
async function insist(step: () => Promise<void>): Promise<void> {
  for (const pause of PAUSES_MS) {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== "unavailable") throw error;
      await sleep(pause);
    }
  }
  return step();
}

/** All messages at once; one that fails does not fail the others. A call of several waits only when all do, so it says nothing. */
function each(log: Log, handle: (message: Message, call: Call | undefined) => Promise<void>): MessageHandler {
  const lost = leasesLost(log);
  return async (messages, whole) => {
    const failed: string[] = [];
    const call = messages.length === 1 ? whole : undefined;
    await Promise.all(
      messages.map(async (message) => {
        try {
          await handle(message, call);
        } catch (error) {
          // The new holder of a lease does the work; this message has nothing left to do.
          if (error instanceof AppError && error.code === "LEASE_LOST") return lost(message.id);
          const detail = error instanceof Error ? error.message.slice(0, 500) : String(error);
          log.error("message-failed", { id: message.id, receives: message.receives, detail });
          failed.push(message.id);
        }
      }),
    );
    return { failed };
  };
}

const LOST_TOGETHER_MS = 10_000;

/** Says that leases were lost, how many within ten seconds, and which was the first: where one is, hundreds may be. */
function leasesLost(log: Log): (id: string) => void {
  let lost: { first: string; count: number } | undefined;
  return (id) => {
    if (lost) {
      lost.count++;
      return;
    }
    const mine = { first: id, count: 1 };
    lost = mine;
    setTimeout(() => {
      lost = undefined;
      log.warn("leases-lost", mine);
    }, LOST_TOGETHER_MS).unref();
  };
}
