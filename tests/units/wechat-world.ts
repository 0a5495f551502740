import { makeEgress } from "#src/channels/egress.ts";
import { makeOfficialAccount } from "#src/channels/official-account.ts";
import { makeWecomApp } from "#src/channels/wecom-app.ts";
import type { Channel, Outcome, Push, Settings } from "#src/domain/deliveries/channel.ts";
import { channelMemory } from "#src/domain/deliveries/channel-memory.ts";
import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { startWechatApi } from "#tests/receivers/wechat-api.ts";
import { type MoreRevision, revisionOf, testLinks } from "#tests/units/push-world.ts";

export const OPENID = "oTestOpenid0000000000000001";

/** One of the two channels against the vendor's stand-in, on a clock that the test moves. */
export async function wechatWorld(kind: "official-account" | "wecom-app", settings: Settings | undefined) {
  const api = await startWechatApi();
  let clock = Date.parse("2026-03-02T02:00:00Z"); // a Monday, 10:00 in Shanghai
  const now = () => new Date(clock);
  const platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  let current = settings;
  const start = (): Channel => {
    const deps = {
      egress: makeEgress(["127.0.0.0/8"]),
      baseUrl: "https://example.org",
      settings: async () => current && { settings: { ...current }, updatedAt: "", version: 1 },
      memory: channelMemory({ table: platform.table, now }),
      now,
      origin: api.origin,
      seconds: { answer: 15, total: 0.5 },
    };
    return (kind === "official-account" ? makeOfficialAccount(deps) : makeWecomApp(deps)) as Channel;
  };
  const channels = [start()];
  const channel = () => channels.at(-1) ?? start();
  let deliveries = 0;
  let links = testLinks;
  return {
    api,
    table: platform.table,
    now,
    pass: (seconds: number) => {
      clock += seconds * 1000;
    },
    get channel() {
      return channel();
    },
    /** Another process: nothing is remembered but what is in the table. */
    restart: () => void channels.push(start()),
    /** Announcements stand on this site. */
    move: (site: string) => {
      links = { ...testLinks, announcement: (id) => `${site}/announcements/${id}`, source: site };
    },
    set: (next: Settings | undefined) => {
      current = next;
    },
    /** One delivery, with as many attempts as wanted. */
    delivery: (address: string, more: MoreRevision = {}) => {
      const id = `ann_${++deliveries}.1.${endpointKey(kind, address)}`;
      let attempt = 0;
      return {
        /** `same`: the queue delivered the attempt again, whose end nobody wrote down. */
        push: (options: { same?: boolean } = {}): Promise<Outcome> => {
          if (!options.same) attempt++;
          const rendered = channel().render(revisionOf(now(), more), "zh-CN", links);
          return channel().push(rendered, pushOf(kind, address, id, Math.max(1, attempt)));
        },
      };
    },
    close: async () => {
      for (const one of channels) await one.close();
      await api.close();
      await platform.stop();
    },
  };
}

export function pushOf(kind: string, address: string, deliveryId: string, attempt: number): Push {
  const endpoint = endpointKey(kind, address);
  return { deliveryId, attempt, target: { endpoint, address, language: "zh-CN", secrets: [], matched: ["all"] } };
}
