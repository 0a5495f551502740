import { readConfig } from "#src/config.ts";
import { settingsReader } from "#src/domain/deliveries/channel-settings.ts";
import { randomIds } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import type { PlainDeps } from "#src/web/api/deps.ts";
import type { Route } from "#src/web/api/route.ts";
import { type App, createApp, type DoorDeps, type WebDeps } from "#src/web/app.ts";

export const ADMIN = "test-admin-token-0123456789abcdefghij";

export type TestClock = { now: () => Date; pass: (seconds: number) => void };

export function testClock(at = "2026-03-02T02:00:00.000Z"): TestClock {
  let time = new Date(at).getTime();
  return { now: () => new Date(time), pass: (seconds) => (time += seconds * 1000) };
}

/** An answer as a story reads it; `body` is whatever JSON came, undefined when none did. */
export type Answered = { status: number; headers: Headers; text: string; json: () => unknown };

export type Ask = (
  method: string,
  path: string,
  options?: { body?: unknown; token?: string; headers?: Record<string, string> },
) => Promise<Answered>;

/** Asks an app without a socket. A body that is not text is sent as JSON. */
export function askOf(app: App): Ask {
  return async (method, path, { body, token, headers } = {}) => {
    const response = await app.fetch(
      new Request(`http://127.0.0.1:8787${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
  };
}

/** The whole HTTP side on an embedded platform in memory, asked without a socket. */
export function testApp(
  options: { clock?: TestClock; routes?: (deps: PlainDeps) => Route[] } & Partial<DoorDeps> = {},
) {
  const { clock = testClock(), routes, ...own } = options;
  const config = { ...readConfig({ GAOSHI_ADMIN_TOKEN: ADMIN }), data: ":memory:" };
  const platform = embeddedPlatform({ data: ":memory:", now: clock.now, log: silentLog });
  const deps: DoorDeps = {
    table: platform.table,
    bucket: platform.bucket,
    queue: platform.queue,
    now: clock.now,
    newId: randomIds(clock.now),
    log: silentLog,
    config,
    version: "0.0.0",
    channels: async () => ({}) as WebDeps["channels"],
    settings: settingsReader({ table: platform.table, now: clock.now }),
    status: async () => ({ at: clock.now().toISOString(), days: 30, fanouts: 0, open: 0, channels: [] }),
    secret: new Uint8Array(32).fill(7),
    ...own,
  };
  const app = createApp(deps, routes);
  const ask = askOf(app);
  return { app, ask, deps, clock, platform };
}
