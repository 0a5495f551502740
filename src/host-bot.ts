import { hostQueue } from "#src/bot/host.ts";
import { printScan } from "#src/bot/scan.ts";
import { type Bot, type BotOptions, startBot } from "#src/bot/start.ts";
import { QUEUES } from "#src/platform/queue.ts";
import { onAws } from "#src/wiring.ts";

/** The bot beside the functions: one long-lived process that holds the chat's connection and hosts its queue. */
export async function hostBot(
  env: Record<string, string | undefined>,
  options: Pick<BotOptions, "puppet" | "print"> & { pace?: { perMinute: number; seconds: [number, number] } },
): Promise<{ stop(): Promise<void> }> {
  const { puppet, print, pace } = options;
  let bot: Bot | undefined;
  const wechaty = { messenger: () => bot?.messenger(), ...(pace ? { pace } : {}) };
  const world = await onAws(env, { headless: true, wechaty });
  const { table, bucket, log, chat, queue, handlers } = world;
  const page = `${(env["GAOSHI_BASE_URL"] ?? "").replace(/\/+$/, "")}/console/bot`;
  bot = await startBot({
    puppet,
    table,
    bucket,
    log,
    answer: chat.answer,
    inTurn: chat.inTurn,
    freshLogin: chat.freshLogin,
    print: print ?? printScan(page, log),
  });
  const spec = QUEUES["deliver-wechaty"];
  const host = hostQueue({ queue: queue(spec.name), spec, handler: handlers.deliver.wechaty, log });
  return {
    async stop() {
      await host.stop();
      await bot?.stop();
      await world.close();
    },
  };
}

if (import.meta.main) {
  const puppet = process.env["GAOSHI_WECHATY_PUPPET"] ?? "wechaty-puppet-service";
  const running = await hostBot(process.env, { puppet });
  const end = () => void running.stop().then(() => process.exit(0));
  process.once("SIGTERM", end);
  process.once("SIGINT", end);
}
