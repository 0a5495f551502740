import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Egress } from "#src/channels/egress.ts";
import type { ChannelDeps } from "#src/channels/index.ts";
import type { HostsFile } from "#src/channels/resolve.ts";
import type { SendBySes } from "#src/channels/ses.ts";
import { type Config, readConfig } from "#src/config.ts";
import { CHANNELS, type Channel, type ChannelName, type Links } from "#src/domain/deliveries/channel.ts";
import type { SettingsReader } from "#src/domain/deliveries/channel-settings.ts";
import type { ServiceStatus, serviceStatus } from "#src/domain/deliveries/service-status.ts";
import { type NewId, randomIds, randomSecret } from "#src/ids.ts";
import { jsonLog, type Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import { steadyClock } from "#src/platform/clock.ts";
import { keys } from "#src/platform/keys.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import { shareOut } from "#src/platform/share-out.ts";
import type { Table } from "#src/platform/table.ts";
import type { App, WebDeps } from "#src/web/app.ts";
import type { Workers } from "#src/workers.ts";

export const VERSION = "0.1.0";

// Of AWS Lambda.
const FUNCTION_FILES = 1024;
// A receiver that hangs keeps its chunk open; the others must not wait for a place behind it.
const CONCURRENT_CHUNKS: Partial<Record<ChannelName, number>> = { webhook: 256, wechaty: 4 };

/** `steady`: see `Clock`; of a platform that is one process. */
export type Ports = {
  table: Table;
  bucket: Bucket;
  queue: (name: QueueName) => Queue;
  steady?: () => number;
};

export type World = Ports &
  Workers & {
    now: () => Date;
    newId: NewId;
    log: Log;
    app: App;
    close(): Promise<void>;
  };

/** Puts the rooms together over one platform's ports. The workers are loaded when the first of them is called. */
export async function makeWorld(
  ports: Ports,
  options: {
    config: Config;
    log: Log;
    now?: () => Date;
    onlyHost?: string;
    /** How many files and connections the process may have open at once (1,024). */
    files?: number;
    hosts?: HostsFile;
    wechaty?: ChannelDeps["wechaty"];
    /** Set by tests only. */
    origins?: ChannelDeps["origins"];
    objectDoor?: WebDeps["objectDoor"];
    remoteAddress?: WebDeps["remoteAddress"];
    connection?: WebDeps["connection"];
    streams?: boolean;
    /** For a worker that nobody calls over HTTP: every request is refused; not the doors are loaded but the workers, at once. */
    headless?: boolean;
  },
): Promise<World> {
  const { config, log, now = () => new Date() } = options;
  const newId = randomIds(now);
  const room = shareOut(options.files ?? FUNCTION_FILES);
  let reader: Promise<SettingsReader> | undefined;
  const settings: SettingsReader = async (name, freshMs) => {
    reader ??= import("#src/domain/deliveries/channel-settings.ts").then(({ settingsReader }) =>
      settingsReader({ table: ports.table, now }),
    );
    return (await reader)(name, freshMs);
  };
  let key: Promise<Uint8Array> | undefined;
  const secret = () => {
    key ??= instanceSecret(ports.table).catch((error) => {
      key = undefined;
      throw error;
    });
    return key;
  };
  let ses: Promise<SendBySes> | undefined;
  let guard: Promise<Egress> | undefined;
  const egress = () => {
    guard ??= Promise.all([import("#src/channels/egress.ts"), import("#src/channels/resolve.ts")]).then(
      ([{ makeEgress }, { makeResolve }]) => makeEgress(config.egressAllow, makeResolve(options.hosts)),
    );
    return guard;
  };
  const links: Links = {
    announcement: (id) => `${config.baseUrl}/announcements/${id}`,
    confirm: (subscriptionId, challenge) =>
      `${config.baseUrl}/confirm?${new URLSearchParams({ s: subscriptionId, c: challenge })}`,
    source: config.baseUrl,
  };
  async function loadChannels(): Promise<Record<ChannelName, Channel>> {
    const [{ makeChannels }, { channelMemory }, guarded] = await Promise.all([
      import("#src/channels/index.ts"),
      import("#src/domain/deliveries/channel-memory.ts"),
      egress(),
    ]);
    return makeChannels({
      egress: guarded,
      mostIdle: room.idle,
      baseUrl: config.baseUrl,
      links,
      settings,
      memory: channelMemory({ table: ports.table, now }),
      pushKey: async () =>
        (await import("#src/domain/deliveries/keep-push-key.ts")).keepPushKey({ table: ports.table, now }),
      now,
      log,
      secret,
      ses: async (...mail) => {
        ses ??= import("#src/platform/aws/mail.ts").then(({ sesSender }) => sesSender());
        return (await ses)(...mail);
      },
      ...(options.wechaty ? { wechaty: options.wechaty } : {}),
      ...(options.origins ? { origins: options.origins } : {}),
    });
  }
  let made: ReturnType<typeof loadChannels> | undefined;
  const channels = () => {
    made ??= loadChannels();
    return made;
  };
  const loadWorkers = () => import("#src/workers.ts");
  let loading: Promise<Workers> | undefined;
  const workers = () => {
    loading ??= loadWorkers().then(({ makeWorkers }) =>
      makeWorkers({
        ...ports,
        config,
        channels,
        settings,
        now,
        newId,
        log,
        links,
        ...(options.onlyHost === undefined ? {} : { onlyHost: options.onlyHost }),
        room,
      }),
    );
    return loading;
  };
  if (options.headless) await loadWorkers();

  async function door(): Promise<App> {
    if (options.headless) return { fetch: () => new Response(null, { status: 503 }) };
    const [{ createApp }, instanceKey] = await Promise.all([import("#src/web/app.ts"), secret()]);
    return createApp({
      ...ports,
      now,
      newId,
      log,
      config,
      version: VERSION,
      channels,
      settings,
      status: statusReader({ table: ports.table, now, channels, settings }),
      secret: instanceKey,
      answer: async (said) => {
        const { answerChat } = await import("#src/domain/conversations/answer-chat.ts");
        return answerChat({ ...ports, now, baseUrl: config.baseUrl }, said);
      },
      receipt: async (receipt) => {
        const { applyReceipt } = await import("#src/domain/deliveries/receipts.ts");
        await applyReceipt({ ...ports, channels: await channels(), now, log }, receipt);
      },
      visit: async (url) => visit(await egress(), url),
      ...(options.objectDoor ? { objectDoor: options.objectDoor } : {}),
      ...(options.remoteAddress ? { remoteAddress: options.remoteAddress } : {}),
      ...(options.connection ? { connection: options.connection } : {}),
      ...(options.streams ? { streams: true } : {}),
    });
  }
  return {
    ...ports,
    now,
    newId,
    log,
    app: await door(),
    handlers: {
      dispatch: async (changes) => (await workers()).handlers.dispatch(changes),
      fanout: async (messages) => (await workers()).handlers.fanout(messages),
      urgent: async (...told) => (await workers()).handlers.urgent(...told),
      late: async (messages) => (await workers()).handlers.late(messages),
      deliver: Object.fromEntries(
        CHANNELS.map((name) => [name, async (...told) => (await workers()).handlers.deliver[name](...told)]),
      ) as Workers["handlers"]["deliver"],
      tick: async () => (await workers()).handlers.tick(),
    },
    chat: {
      answer: async (said) => (await workers()).chat.answer(said),
      inTurn: async (task) => (await workers()).chat.inTurn(task),
      freshLogin: async () => (await workers()).chat.freshLogin(),
    },
    close: async () => {
      if (made) for (const channel of Object.values(await made)) await channel.close();
    },
  };
}

/** One process on one folder: the ports on SQLite and files, every worker started. `stop` hands back what is in flight. */
export async function embedded(
  config: Config,
  options: {
    log: Log;
    now?: () => Date;
    /** Where `now` is given: the clock that nobody sets, if that is another one. */
    steady?: () => number;
    wechaty?: ChannelDeps["wechaty"];
    origins?: ChannelDeps["origins"];
    tickSeconds?: number;
  },
): Promise<World & { stop(): Promise<void> }> {
  const [{ embeddedPlatform }, { openFiles }, { hostsFile }, { clientAddress }] = await Promise.all([
    import("#src/platform/embedded/platform.ts"),
    import("#src/platform/embedded/open-files.ts"),
    import("#src/platform/embedded/hosts-file.ts"),
    import("#src/web/client-address.ts"),
  ]);
  const { log, now = () => new Date(), tickSeconds = 1 } = options;
  const clientOf = clientAddress(config.trustedProxies, (peer) =>
    log.warn("proxy-not-trusted", { peer, hint: "all who come through it share one rate: GAOSHI_TRUSTED_PROXIES" }),
  );
  const steady = options.steady ?? (options.now ? undefined : steadyClock());
  const platform = embeddedPlatform({
    ...{ data: config.data, now, log, baseUrl: () => config.baseUrl },
    ...(steady ? { steady } : {}),
  });
  const world = await makeWorld(platform, {
    ...options,
    config,
    onlyHost: randomSecret(48),
    files: openFiles(),
    hosts: hostsFile(),
    objectDoor: platform.objectDoor,
    streams: true,
    remoteAddress: (c) => clientOf(incomingOf(c)?.socket.remoteAddress, c.req.raw.headers),
    connection: incomingOf,
  });
  platform.feed(world.handlers.dispatch);
  platform.consume("fanout", world.handlers.fanout, { concurrency: 2 });
  platform.consume("urgent", world.handlers.urgent, { concurrency: 128 });
  platform.consume("deliver-late", world.handlers.late, { concurrency: CONCURRENT_CHUNKS.webhook ?? 16 });
  for (const name of CHANNELS) {
    const concurrency = CONCURRENT_CHUNKS[name] ?? 16;
    platform.consume(`deliver-${name}`, world.handlers.deliver[name], { concurrency });
  }
  platform.every(tickSeconds, world.handlers.tick);
  return {
    ...world,
    stop: async () => {
      await platform.stop();
      await world.close();
    },
  };
}

/** What @hono/node-server hands on. */
function incomingOf({ env }: { env: unknown }): IncomingMessage | undefined {
  return (env as { incoming?: IncomingMessage } | undefined)?.incoming;
}

/** The functions on AWS: ports on DynamoDB, S3 and SQS by the names in the environment; the mappings call the handlers. */
export async function onAws(
  env: Record<string, string | undefined>,
  options: { headless?: boolean; wechaty?: ChannelDeps["wechaty"] } = {},
): Promise<World> {
  const [{ awsPlatform }, { readAwsSettings }] = await Promise.all([
    import("#src/platform/aws/platform.ts"),
    import("#src/platform/aws/settings.ts"),
  ]);
  const now = () => new Date();
  const log = jsonLog((line) => process.stdout.write(`${line}\n`), now);
  const config = readConfig(env);
  return makeWorld(awsPlatform({ settings: readAwsSettings(env), now, log }), {
    ...options,
    config,
    log,
    now,
    // The address that API Gateway saw; headers are the caller's own word.
    remoteAddress: (c) =>
      (c.env as { requestContext?: { http?: { sourceIp?: string } } } | undefined)?.requestContext?.http?.sourceIp,
  });
}

const STATUS_MS = 10_000;

type StatusDeps = Parameters<typeof serviceStatus>[0];

function statusReader(
  deps: Omit<StatusDeps, "channels"> & { channels: () => Promise<StatusDeps["channels"]> },
): () => Promise<ServiceStatus> {
  let last: { at: number; status: Promise<ServiceStatus> } | undefined;
  return () => {
    const at = deps.now().getTime();
    if (last && Math.abs(at - last.at) < STATUS_MS) return last.status;
    const status = Promise.all([import("#src/domain/deliveries/service-status.ts"), deps.channels()]).then(
      ([room, channels]) => room.serviceStatus({ ...deps, channels }),
    );
    last = { at, status };
    status.catch(() => {
      last = undefined;
    });
    return status;
  };
}

/** One GET under the guard; nothing of the answer but whether it was a good one. */
async function visit(egress: Egress, url: string): Promise<boolean> {
  const { makeOutgoing } = await import("#src/channels/outgoing.ts");
  const outgoing = makeOutgoing(egress);
  const answer = await outgoing.send({ method: "GET", url, headers: [], reads: true });
  await outgoing.close();
  return answer.kind === "answer" && answer.status >= 200 && answer.status < 300;
}

/** The instance's own key (32 bytes), made once and kept in the table: it signs cursors and links. */
async function instanceSecret(table: Table): Promise<Uint8Array> {
  const key = keys.setting("secret");
  const kept = (await table.get(key))?.["value"];
  if (kept !== undefined) return Buffer.from(String(kept), "base64url");
  const made = randomBytes(32).toString("base64url");
  const { ok } = await table.write([{ put: { ...key, value: made }, if: { absent: true } }]);
  const value = ok ? made : (await table.get(key))?.["value"];
  return Buffer.from(String(value), "base64url");
}
