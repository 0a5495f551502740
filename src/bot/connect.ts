import type { Message } from "wechaty";
import type { Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import { keepSession, type Session } from "./session.ts";
import { told } from "./told.ts";

export type ConnectOptions = {
  /** The package name of a wechaty puppet, or a puppet (the mock of tests and of the demo). */
  puppet: string | object;
  puppetOptions?: Record<string, unknown>;
  /** Under this name the session is kept, so that a restart needs no new scan. */
  name?: string;
  bucket: Bucket;
  log: Log;
};

/** What a bot tells; none of these may throw. */
export type Heard = {
  scan(code: string, status: number): void;
  login(name: string): void;
  logout(reason: string): void;
  error(reason: string): void;
  message(message: Message): Promise<void>;
};

export type Connection = Awaited<ReturnType<typeof connect>>;

/** A wechaty bot with its kept session, not yet started. wechaty is loaded only here: it is optional and large. */
export async function connect(options: ConnectOptions, heard: Heard) {
  const { WechatyBuilder, types } = await import("wechaty");
  const bot = WechatyBuilder.build({
    puppet: options.puppet as "wechaty-puppet-mock",
    ...(options.puppetOptions === undefined ? {} : { puppetOptions: options.puppetOptions }),
  });
  // Without a listener an `error` event would end the process, and puppets emit harmless ones.
  let left = false;
  const tell = (task: () => void) => {
    if (!left) task();
  };
  bot.on("error", (error) => tell(() => heard.error(told(error))));
  bot.on("scan", (code, status) => tell(() => heard.scan(code, status)));
  bot.on("login", (user) => tell(() => heard.login(user.name())));
  bot.on("logout", (_user, reason) => tell(() => heard.logout(told(reason ?? ""))));
  bot.on("message", (message) => {
    if (left) return;
    heard.message(message).catch((error) => options.log.warn("bot-message", { error: told(error) }));
  });
  const session: Session = await keepSession(bot, options.bucket, options.name ?? "wechaty");
  return {
    session,
    kinds: {
      text: types.Message.Text as number,
      url: types.Message.Url as number,
      official: types.Contact.Official as number,
    },
    puppet: () => bot.puppet,
    start: () => bot.start(),
    /** wechaty reports a puppet that did not start as an `error` event, and resolves. */
    isUp: () => bot.puppet.state.active() === true,
    logout: () => bot.logout(),
    stop: async () => {
      await session.save().catch((error) => options.log.warn("bot-session", { error: told(error) }));
      await bot.stop();
    },
    /** Hears nothing of it any more. */
    leave: () => {
      left = true;
    },
  };
}
