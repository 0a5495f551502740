import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { type MockWechat, mockWechat, type SentChat } from "#src/bot/mock.ts";
import { type Bot, type BotOptions, startBot } from "#src/bot/start.ts";
import { readConfig } from "#src/config.ts";
import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import type { Role } from "#src/domain/members/member.ts";
import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { type Log, silentLog } from "#src/log.ts";
import { embedded } from "#src/wiring.ts";

const ADMIN = "test-admin-token-0123456789abcdefghij";

// biome-ignore lint/suspicious/noExplicitAny: a test reads answers as a caller would, without our types.
export type Answer = { status: number; body: any; etag: string; headers: Headers };

type Call = (path: string, body?: unknown, typeOrHeaders?: string | Record<string, string>) => Promise<Answer>;

export type Person = {
  token: string;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  post: Call;
  put: Call;
  patch: Call;
  delete(path: string): Promise<Answer>;
};

export type ChatPlace = { address: string; received: SentChat[]; next(): Promise<SentChat & { kind: "link" }> };

export type TestWorld = {
  url: string;
  admin: Person;
  anyone: Person;
  as(token: string): Person;
  /** A person with these roles, of one unit or of none. */
  member(roles: string | string[], unitId?: string): Promise<Person>;
  wechat: MockWechat;
  room(topic: string): ChatPlace;
  contact(name: string): ChatPlace;
  /** A column of its own, so that no story meets another; nobody has to approve there. Its slug. */
  column(more?: object): Promise<string>;
  /**
   * Subscriptions entered from a list, which vouches for them; the import's answer. An endpoint that is only an address is a chat
   * room or a webhook.
   */
  imported(endpoints: (string | object)[], wishes: object): Promise<Answer["body"]>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** The path of a link by which somebody with these roles signs in to the console. */
  signInPath(roles: Role[], unitId?: string): Promise<string>;
  /** The cookie of somebody who has done that. */
  enter(roles: Role[], unitId?: string): Promise<string>;
  until(holds: () => Promise<boolean>, seconds?: number): Promise<void>;
  close(): Promise<void>;
};

/** The whole house in this process over real HTTP, on a store that keeps nothing, with a bot on the mock puppet if wanted. */
export async function openWorld(
  options: {
    bot?: boolean;
    botOptions?: Partial<BotOptions>;
    log?: Log;
    now?: () => Date;
    origins?: Partial<Record<ChannelName, string>>;
    env?: Record<string, string>;
  } = {},
): Promise<TestWorld> {
  const log = options.log ?? silentLog;
  const config = readConfig({
    PORT: "0",
    GAOSHI_DATA: ":memory:",
    GAOSHI_ADMIN_TOKEN: ADMIN,
    GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
    ...options.env,
  });
  let bot: Bot | undefined;
  const wechat = options.bot ? await mockWechat() : undefined;
  const listening = await new Promise<{ port: number; server: ReturnType<typeof serve> }>((resolve) => {
    const server = serve(
      { port: 0, hostname: "127.0.0.1", fetch: (request, env) => world.app.fetch(request, env) },
      (at) => resolve({ port: (at as AddressInfo).port, server }),
    );
  });
  const url = `http://127.0.0.1:${listening.port}`;
  config.baseUrl = url;
  const world = await embedded(config, {
    log,
    ...(options.now ? { now: options.now } : {}),
    ...(options.origins ? { origins: options.origins } : {}),
    wechaty: { messenger: () => bot?.messenger(), pace: { perMinute: 60_000, seconds: [0, 0] } },
  });
  if (wechat) {
    const { bucket, table, chat } = world;
    const { now } = options;
    bot = await startBot({
      ...{ puppet: wechat.puppet, bucket, table, log, answer: chat.answer },
      ...(now ? { now } : {}),
      ...options.botOptions,
    });
    wechat.login();
  }

  const request = async (
    token: string | undefined,
    method: string,
    path: string,
    init: RequestInit,
  ): Promise<Answer> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      ...init,
      headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(init.headers as Record<string, string>) },
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === "" ? undefined : JSON.parse(text),
      etag: response.headers.get("etag") ?? "",
      headers: response.headers,
    };
  };
  const person = (token: string | undefined): Person => {
    const send =
      (method: string): Call =>
      (path, body, more = {}) => {
        const type = typeof more === "string" ? more : typeof body === "string" ? "text/plain" : "application/json";
        return request(token, method, path, {
          headers: {
            ...(body === undefined ? {} : { "content-type": type }),
            ...(typeof more === "string" ? {} : more),
          },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        });
      };
    return {
      token: token ?? "",
      get: (path, headers = {}) => request(token, "GET", path, { headers }),
      post: send("POST"),
      put: send("PUT"),
      patch: send("PATCH"),
      delete: (path) => request(token, "DELETE", path, {}),
    };
  };
  const admin = person(ADMIN);

  const place = (kind: "room" | "contact", id: string): ChatPlace => {
    const received = () => (wechat?.sent ?? []).filter(({ to }) => to === id);
    return {
      address: `${kind}:${id}`,
      get received() {
        return received();
      },
      next: async () => {
        await until(async () => received().length > 0);
        const first = received()[0];
        if (first?.kind !== "link") throw new Error(`not a link: ${JSON.stringify(first)}`);
        return first;
      },
    };
  };
  let places = 0;
  let columns = 0;
  const get = (path: string, init?: RequestInit) => fetch(`${url}${path}`, { redirect: "manual", ...init });
  const signInPath = async (roles: Role[], unitId?: string) => {
    const link = await createSignInLink(world, { memberName: "王编辑", roles, ...(unitId ? { unitId } : {}) });
    return `/sign-in/${link.secret}`;
  };

  return {
    url,
    admin,
    anyone: person(undefined),
    as: person,
    member: async (roles, unitId) => {
      const made = await admin.post("/tokens", {
        name: `${roles}`,
        roles: [roles].flat(),
        ...(unitId ? { unitId } : {}),
      });
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
      return person(made.body.token);
    },
    get wechat() {
      if (!wechat) throw new Error("this world has no bot");
      return wechat;
    },
    room: (topic) => {
      const id = `r${++places}@chatroom`;
      wechat?.room(id, topic);
      return place("room", id);
    },
    contact: (name) => {
      const id = `c${++places}`;
      wechat?.contact(id, name);
      return place("contact", id);
    },
    column: async (more = {}) => {
      const slug = `column-${++columns}`;
      const policy = { name: "通知", kind: "notice", mayBreakQuietHours: false, approvals: 0, ...more };
      await admin.put(`/columns/${slug}`, policy);
      return slug;
    },
    imported: async (endpoints, wishes) => {
      const lines = endpoints.map((one) => {
        const endpoint = typeof one === "string" ? endpointAt(one) : one;
        return JSON.stringify({ endpoint, confirmed: true, basis: "登记表", ...wishes });
      });
      return (await admin.post("/subscriptions/import", lines.join("\n"), "application/x-ndjson")).body;
    },
    signInPath,
    enter: async (roles, unitId) => {
      const path = await signInPath(roles, unitId);
      const answer = await get(path, { method: "POST", headers: { origin: url } });
      return answer.headers.get("set-cookie")?.split(";")[0] ?? "";
    },
    fetch: get,
    until,
    close: async () => {
      await bot?.stop();
      listening.server.close();
      if ("closeAllConnections" in listening.server) listening.server.closeAllConnections();
      await world.stop();
    },
  };
}

export async function until(holds: () => Promise<boolean>, seconds = 10): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`did not come true in ${seconds} s: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function endpointAt(address: string) {
  return { channel: address.startsWith("room:") ? "wechaty" : "webhook", address };
}
