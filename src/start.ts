import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import type { MockWechat } from "#src/bot/mock.ts";
import { type Config, readConfig } from "#src/config.ts";
import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { hasAdminToken } from "#src/domain/members/tokens.ts";
import { AppError } from "#src/errors.ts";
import { jsonLog, type Log } from "#src/log.ts";
import { keys } from "#src/platform/keys.ts";
import { PRODUCT } from "#src/text.ts";
import { refuseBroken } from "#src/web/broken-request.ts";
import { siteWarnings } from "#src/web/pages/site.ts";
import { embedded, type World } from "#src/wiring.ts";

/**
 * Milliseconds, as node:http takes them. Headers come at once; a whole request has the time that an attachment of 20 MB
 * needs at 1 Mbit/s; idle connections outlive those of the usual proxies, so that a proxy never meets a closed one.
 */
const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 180_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 5_000,
};

export type Running = { url: string; world: World; wechat: MockWechat | undefined; stop(): Promise<void> };

/** `npm start`: everything in one process, until a signal ends it. */
export async function start(): Promise<void> {
  const print = (text: string) => process.stdout.write(`${text}\n`);
  const log = jsonLog(
    (line) => process.stderr.write(`${line}\n`),
    () => new Date(),
  );
  // Asked for before anything is open: a signal during the start is kept, and the start is followed by a clean stop.
  const signal = firstSignal();
  try {
    const config = readConfig(process.env);
    const running = await run(config, log, { puppet: process.env["GAOSHI_WECHATY_PUPPET"] });
    const missing = siteWarnings(config.site).map(({ code }) => code);
    if (missing.length > 0) log.warn("site-incomplete", { missing: missing.join(" ") });
    for (const line of await greeting(running.world, config, running.url)) print(line);
    void signal.then(async (name) => {
      log.info("stopping", { signal: name });
      try {
        await running.stop();
        process.exit(0);
      } catch (error) {
        log.error("stop-failed", { detail: String(error) });
        process.exit(1);
      }
    });
  } catch (error) {
    const refusal = error instanceof AppError ? `${error.detail.zh}\n${error.detail.en}` : String(error);
    process.stderr.write(`${refusal}\n`);
    process.exit(1);
  }
}

/** The next one of a kind ends the process at once, as without us. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
}

/**
 * Listens first, so that links carry the port that was really given, then opens the data folder: until then, which is
 * moments, a request waits for its answer. `puppet` names the wechaty puppet; "mock" is WeChat without WeChat.
 */
export async function run(
  config: Config,
  log: Log,
  options: {
    puppet?: string | undefined;
    pace?: { perMinute: number; seconds: [number, number] };
    /** Shorter in tests. */
    timeouts?: Partial<typeof TIMEOUTS>;
  } = {},
): Promise<Running> {
  let ready = (_world: World) => {};
  const opened = new Promise<World>((resolve) => {
    ready = resolve;
  });
  let world: World | undefined;
  const timeouts = { ...TIMEOUTS, ...options.timeouts };
  const { server, port } = await listen(config, timeouts, (request, env) =>
    world ? world.app.fetch(request, env as never) : opened.then(({ app }) => app.fetch(request, env as never)),
  );
  const url = `http://${config.host.includes(":") ? `[${config.host}]` : config.host}:${port}`;
  if (!process.env["GAOSHI_BASE_URL"]) config.baseUrl = url;
  let bot: { messenger(): ReturnType<NonNullable<WechatyMessenger>>; stop(): Promise<void> } | undefined;
  const house = await embedded(config, {
    log,
    wechaty: { messenger: () => bot?.messenger(), ...(options.pace ? { pace: options.pace } : {}) },
  });
  world = house;
  ready(house);
  let wechat: MockWechat | undefined;
  if (options.puppet) {
    const [{ startBot }, { printScan }] = await Promise.all([import("#src/bot/start.ts"), import("#src/bot/scan.ts")]);
    wechat = options.puppet === "mock" ? await (await import("#src/bot/mock.ts")).mockWechat() : undefined;
    bot = await startBot({
      puppet: wechat?.puppet ?? options.puppet,
      bucket: house.bucket,
      table: house.table,
      log,
      answer: house.chat.answer,
      inTurn: house.chat.inTurn,
      freshLogin: house.chat.freshLogin,
      ...(wechat ? {} : { print: printScan(`${url}/console/bot`, log) }),
    });
    wechat?.login();
  }
  void import("#src/channels/undici.ts"); // so that the first push does not wait for its loading
  return {
    url,
    world: house,
    wechat,
    stop: async () => {
      server.close();
      await bot?.stop();
      await house.stop();
    },
  };
}

type WechatyMessenger = NonNullable<Parameters<typeof embedded>[1]["wechaty"]>["messenger"];

function listen(
  config: Config,
  serverOptions: typeof TIMEOUTS,
  fetch: (request: Request, env: unknown) => Response | Promise<Response>,
): Promise<{ server: ReturnType<typeof serve>; port: number }> {
  return new Promise((resolve, reject) => {
    const server = serve({ port: config.port, hostname: config.host, serverOptions, fetch }, (at: AddressInfo) =>
      resolve({ server, port: at.port }),
    );
    server.once("error", reject);
    server.on("clientError", refuseBroken);
  });
}

/** What the terminal shows: the address; a way in until there is an admin; on the first start, what to try. */
async function greeting(world: World, config: Config, url: string): Promise<string[]> {
  const { table, now } = world;
  const lines = ["", `  ${PRODUCT.zh} ${PRODUCT.en}  ${url}`, ""];
  if (!config.adminToken && !(await hasAdminToken({ table }))) {
    const { secret } = await createSignInLink(
      { table, now },
      { memberName: "管理员", roles: ["admin"], until: "used" },
    );
    lines.push(
      "  第一位管理员的登录链接，只能用一次  Sign-in link of the first admin, works once",
      `  ${url}/sign-in/${secret}`,
      "",
    );
  }
  const first = await table.write([
    { put: { ...keys.setting("greeted"), at: now().toISOString() }, if: { absent: true } },
  ]);
  if (first.ok)
    lines.push(
      "  接下来可以试试  Three things to try",
      `  1  ${url}/            公众看到的门户  the portal as everybody sees it`,
      `  2  ${url}/docs        接口说明  the API, readable`,
      "  3  npm run demo                     从年报到推送的全过程  a report becomes a push, as a timeline",
      "",
    );
  return lines;
}
