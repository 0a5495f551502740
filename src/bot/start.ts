import { shanghaiMinute } from "#src/domain/calendar/dates.ts";
import { takeBotOrder } from "#src/domain/conversations/bot-state.ts";
import { readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { chatAddress, type Messenger } from "#src/domain/deliveries/messenger.ts";
import type { Table } from "#src/platform/table.ts";
import { PRODUCT } from "#src/text.ts";
import { type ConnectOptions, connect, type Heard } from "./connect.ts";
import { makeHealth } from "./health.ts";
import { type Answer, makeHearing } from "./hear.ts";
import { makeKeeper } from "./keep-alive.ts";
import { type InTurn, makeReplies } from "./replies.ts";
import { makeReporter } from "./report-state.ts";
import { everyRound } from "./rounds.ts";
import { drawScan, SCAN } from "./scan.ts";
import { makeSending, ownContact } from "./sending.ts";
import { type BotTiming, TIMING } from "./timing.ts";
import { told } from "./told.ts";

export type BotOptions = ConnectOptions & {
  table: Table;
  now?: () => Date;
  /** What is answered to words from a chat. */
  answer: Answer;
  /** The account's turns, shared with the channel that pushes through it; absent: answers come one after another. */
  inTurn?: InTurn;
  /** Told of a login that somebody had to scan for: the account begins slowly. */
  freshLogin?: () => Promise<void>;
  /** Where the login's QR code is shown, a terminal and nothing that keeps what it is given: the code is a secret. */
  print?: (text: string) => void;
  timing?: Partial<BotTiming>;
};

export type Bot = {
  /** Undefined while nobody is logged in, and while what is sent does not leave. For `makeChannels({ wechaty: { messenger } })`. */
  messenger(): Messenger | undefined;
  /** Ends the login and forgets the kept session: the way out when a stale one blocks the QR code. */
  dropSession(): Promise<void>;
  stop(): Promise<void>;
};

const QUIET_MINUTES = 30;

/** Starts a bot and keeps it running. Rejects only when there is no such puppet; everything later is tried again. */
export async function startBot(options: BotOptions): Promise<Bot> {
  const { log, table, now = () => new Date(), print = () => {} } = options;
  const timing = { ...TIMING, ...options.timing };
  const inTurn: InTurn = options.inTurn ?? ((task) => task());
  const puppet = typeof options.puppet === "string" ? options.puppet : options.puppet.constructor.name;
  const reporter = makeReporter({ table, now, log, puppet, timing });
  const sending = makeSending({ now, timing, reporter, inTurn, health: () => health, keeper: () => keeper });
  const replies = makeReplies({ ...sending, inTurn, now, log, patienceMs: timing.patienceMs });

  let scanned = false;
  const heard: Heard = {
    scan(code, status) {
      log.info("bot-scan", { status });
      if (status === SCAN.waiting) {
        const until = new Date(now().getTime() + timing.qrMs).toISOString();
        reporter.change({ phase: "waiting", qr: { code, until }, account: undefined });
        drawScan(code).then(print, (error) => log.warn("bot-scan", { error: told(error) }));
      } else if (status === SCAN.scanned || status === SCAN.confirmed)
        reporter.change({ phase: "scanned", qr: undefined });
      else return;
      scanned = true;
      keeper.scanned();
    },
    login(account) {
      log.info("bot-login");
      if (scanned) options.freshLogin?.().catch((error) => log.warn("bot-login", { error: told(error) }));
      scanned = false;
      sending.open(connection.puppet());
      connection.session.keep();
      connection.session.save().catch((error) => log.warn("bot-session", { error: told(error) }));
      keeper.loggedIn();
      health.begin();
      reporter.change({ phase: sending.cooling() ? "cooling" : "in", account, qr: undefined });
    },
    logout(reason) {
      sending.close();
      log.warn("bot-logout", { reason });
      if (reporter.state().phase !== "sick") reporter.change({ phase: "out", account: undefined, qr: undefined });
      keeper.loggedOut();
    },
    error(detail) {
      log.warn("bot-error", { error: detail });
      reporter.change({ lastError: { at: now().toISOString(), detail } });
    },
    async message(message) {
      if (!message.self()) return hear(message);
      const id = message.room()?.id ?? message.listener()?.id;
      const isLink = message.type() === connection.kinds.url;
      if (id !== undefined) sending.own(id, message.id, isLink ? (await message.toUrlLink()).url() : message.text());
    },
  };

  let connection = await connect(options, heard).catch(async (error) => {
    reporter.change({ phase: "stopped", lastError: { at: now().toISOString(), detail: told(error) } });
    await reporter.stop();
    throw error;
  });
  const { kinds } = connection;
  const rooms = () => connection.puppet();
  const hear = makeHearing({ answer: options.answer, rooms, reply: replies.answer, log, kinds });
  const keeper = makeKeeper({
    connection: () => connection,
    async renew() {
      if (typeof options.puppet !== "string") return;
      connection.leave();
      connection = await connect(options, heard);
    },
    reporter,
    timing,
    now,
    log,
  });
  const setup = () => readSetup(table, "wechaty");
  const health = makeHealth({
    now,
    log,
    suspectMs: timing.suspectMs,
    quietMs: async () => Number((await setup())?.settings["probeMinutes"] ?? QUIET_MINUTES) * 60_000,
    async probe() {
      const own = () => ownContact(connection.puppet(), timing.patienceMs);
      const to = (await setup())?.canary ?? chatAddress({ kind: "contact", id: await own() });
      return sending.try(to, `${PRODUCT.zh}自检 ${shanghaiMinute(now())}`);
    },
    sick() {
      sending.close();
      reporter.change({ phase: "sick" });
      keeper.sick();
    },
  });
  const dropSession = () => {
    sending.close();
    return keeper.dropSession();
  };
  const rounds = [
    everyRound(timing.pollMs, log, async () => {
      sending.warmUp();
      const order = await takeBotOrder({ table });
      if (!order) return;
      log.warn("bot-session-dropped", { by: order.by });
      await dropSession();
    }),
    everyRound(timing.checkMs, log, async () => {
      if (sending.messenger() && !sending.cooling()) await health.check();
    }),
  ];

  await keeper.begin();
  return {
    messenger: sending.messenger,
    dropSession,
    async stop() {
      for (const round of rounds) clearInterval(round);
      replies.stop();
      sending.close();
      await keeper.stop();
      reporter.change({ phase: "stopped", account: undefined, qr: undefined });
      await reporter.stop();
    },
  };
}
