import { chatAddress, type Messenger } from "#src/domain/deliveries/messenger.ts";
import type { Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import { answerChat, type ChatHandlers } from "./commands.ts";
import { makeMessenger } from "./messenger.ts";
import { showScan } from "./scan.ts";
import { keepSession } from "./session.ts";

export type BotOptions = {
  /** The package name of a wechaty puppet, or a puppet (the mock of tests and of the demo). */
  puppet: string | object;
  puppetOptions?: Record<string, unknown>;
  /** Under this name the session is kept, so that a restart needs no new scan. */
  name?: string;
  bucket: Bucket;
  log: Log;
  handlers: ChatHandlers;
  /** Where the login's QR code is shown. */
  print?: (text: string) => void;
  /** How long a message that got no id may take to show up as the bot's own; 3 s. */
  ownMessageMs?: number;
};

export type Bot = {
  /** Undefined while nobody is logged in. For `makeChannels({ wechaty: { messenger } })`. */
  messenger(): Messenger | undefined;
  /** Ends the login and forgets the kept session: the way out when a stale one blocks the QR code. */
  dropSession(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts a bot. wechaty is loaded only here: it is optional, large, and no other host needs it. */
export async function startBot(options: BotOptions): Promise<Bot> {
  const { log, print = () => {}, ownMessageMs = 3000 } = options;
  const { WechatyBuilder } = await import("wechaty");
  const bot = WechatyBuilder.build({
    puppet: options.puppet as "wechaty-puppet-mock",
    ...(options.puppetOptions === undefined ? {} : { puppetOptions: options.puppetOptions }),
  });
  let messenger: ReturnType<typeof makeMessenger> | undefined;
  // Without a listener an `error` event would end the process, and puppets emit harmless ones.
  bot.on("error", (error) => log.warn("bot-error", { error: error.message.slice(0, 200) }));
  let scanned = false;
  bot.on("scan", (code, status) => {
    scanned = true;
    showScan(code, status, print).catch((error) => log.warn("bot-scan", { error: String(error) }));
  });
  bot.on("login", () => {
    messenger = makeMessenger(bot.puppet, ownMessageMs);
    log.info("bot-login");
    if (scanned) options.handlers.onFreshLogin?.().catch((error) => log.warn("bot-login", { error: String(error) }));
    scanned = false;
  });
  bot.on("logout", (_user, reason) => {
    messenger = undefined;
    log.warn("bot-logout", { reason: String(reason ?? "") });
  });
  bot.on("message", async (message) => {
    try {
      const room = message.room();
      const other = message.self() ? message.listener() : message.talker();
      const id = room?.id ?? other?.id;
      if (id === undefined) return;
      const address = chatAddress({ kind: room === undefined ? "contact" : "room", id });
      if (message.self()) messenger?.own(id, message.id, await shownIn(message));
      else {
        const reply = await answerChat(options.handlers, address, message.text());
        if (reply !== undefined) await bot.puppet.messageSendText(id, reply);
      }
    } catch (error) {
      log.warn("bot-message", { error: String(error).slice(0, 200) });
    }
  });
  const session = await keepSession(bot, options.bucket, options.name ?? "wechaty");
  await bot.start();
  return {
    messenger: () => messenger,
    async dropSession() {
      await bot.logout().catch(() => {});
      await session.forget();
    },
    async stop() {
      messenger = undefined;
      await bot.stop();
    },
  };
}

async function shownIn(message: { text(): string; type(): number; toUrlLink(): Promise<{ url(): string }> }) {
  const { types } = await import("wechaty");
  return message.type() === types.Message.Url ? (await message.toUrlLink()).url() : message.text();
}
