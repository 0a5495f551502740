import { z } from "zod";
import { moveCanary } from "#src/domain/deliveries/canary.ts";
import { CHANNELS, type Channel, type ChannelName, type SettingSpec } from "#src/domain/deliveries/channel.ts";
import { type ChannelSetup, changeSetup, isSetUp, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { pausedCredentials } from "#src/domain/deliveries/paused.ts";
import { AppError } from "#src/errors.ts";
import { type Language, say } from "#src/text.ts";
import type { ApiDeps } from "./deps.ts";
import { type Call, languageOf, optionalIfMatch, type Route, route } from "./route.ts";

const WindowBody = z.strictObject({ seconds: z.int().min(1).max(86_400), count: z.int().min(1).max(1000) });

const ChannelBody = z
  .object({
    name: z.enum(CHANNELS),
    ready: z.boolean(),
    guarantee: z.enum(["at-most-once", "at-least-once", "provider-deduplicated"]),
    limits: z.object({
      bytes: z.number(),
      inFlight: z.number(),
      chunk: z.number(),
      windows: z.array(z.object({ seconds: z.number(), count: z.number() })),
      quotas: z.array(z.object({ per: z.string(), of: z.string(), count: z.number() })),
    }),
    settings: z.array(
      z.object({
        name: z.string(),
        label: z.string(),
        required: z.boolean(),
        secret: z.boolean(),
        set: z.boolean(),
        value: z.string().optional(),
        /** The only values it may have; the first one counts while none is set. */
        choices: z.array(z.object({ value: z.string(), label: z.string() })).optional(),
      }),
    ),
    canary: z.string().optional(),
    /** What the vendor has stopped, by reason: how many credentials, never which. */
    paused: z.array(
      z.object({
        because: z.enum(["rate", "quota", "configuration"]),
        credentials: z.number(),
        since: z.string(),
        until: z.string(),
      }),
    ),
    version: z.number(),
  })
  .meta({ id: "Channel" });

const ChannelChange = z
  .strictObject({
    settings: z.record(z.string().max(64), z.string().max(8192).nullable()).optional(),
    windows: z.array(WindowBody).min(1).max(4).nullable().optional(),
    canary: z.string().max(2048).nullable().optional(),
  })
  .meta({ id: "ChannelChange" });

const tag = "deliveries";

function shownSetting(spec: SettingSpec, value: string | undefined, language: Language) {
  const { name, label, required, secret, choices } = spec;
  const set = value !== undefined;
  return {
    ...{ name, label: say(label, language), required, secret, set },
    ...(set && !secret ? { value } : {}),
    ...(choices ? { choices: choices.map((one) => ({ value: one.value, label: say(one.label, language) })) } : {}),
  };
}

export function channelRoutes(deps: ApiDeps): Route[] {
  const shown = async ({ c }: Pick<Call, "c">, channel: Channel, setup: ChannelSetup | undefined) => ({
    name: channel.name,
    ready: isSetUp(channel, setup?.settings),
    guarantee: channel.guarantee,
    limits: {
      bytes: channel.limits.bytes,
      inFlight: channel.limits.inFlight,
      chunk: channel.limits.chunk,
      windows: [...(setup?.windows ?? channel.limits.windows ?? [])],
      quotas: [...(channel.limits.quotas ?? []), ...(channel.quotas?.(setup?.settings ?? {}) ?? [])],
    },
    settings: (channel.settings ?? []).map((spec) => shownSetting(spec, setup?.settings[spec.name], languageOf(c))),
    ...(setup?.canary === undefined ? {} : { canary: channel.shown?.(setup.canary) ?? setup.canary }),
    paused: await pausedCredentials(deps, channel, setup),
    version: setup?.version ?? 0,
  });
  const named = (name: string): Channel => {
    const channel = Object.hasOwn(deps.channels, name) ? deps.channels[name as ChannelName] : undefined;
    if (channel) return channel;
    throw new AppError("not-found", "NOT_FOUND", { zh: "没有这个渠道", en: "there is no such channel" });
  };
  return [
    route(
      {
        method: "get",
        path: "/channels",
        who: ["admin"],
        tag,
        summary: { zh: "全部渠道：保证、限额与设置", en: "All channels: what they promise, their limits and settings" },
        answers: { 200: z.object({ items: z.array(ChannelBody) }) },
      },
      async (call) => {
        const items = await Promise.all(
          CHANNELS.map(async (name) => shown(call, deps.channels[name], await readSetup(deps.table, name))),
        );
        return { status: 200, body: { items } };
      },
    ),
    route(
      {
        method: "get",
        path: "/channels/{name}",
        who: ["admin"],
        tag,
        summary: { zh: "一个渠道；密钥不再显示", en: "A channel; its secrets are not shown again" },
        answers: { 200: ChannelBody },
      },
      async (call) => {
        const channel = named(call.params.name);
        const setup = await readSetup(deps.table, channel.name);
        return { status: 200, body: await shown(call, channel, setup), version: setup?.version ?? 0 };
      },
    ),
    route(
      {
        method: "put",
        path: "/channels/{name}",
        who: ["admin"],
        tag,
        summary: {
          zh: "设置渠道：账号、限速、测试接收端；数秒内生效",
          en: "Set a channel up: credentials, pace, canary; counts within seconds",
        },
        body: ChannelChange,
        answers: { 200: ChannelBody },
      },
      async (call) => {
        const channel = named(call.params.name);
        const from = (await readSetup(deps.table, channel.name))?.canary;
        const setup = await changeSetup(deps, channel, call.body, optionalIfMatch(call));
        await deps.settings(channel.name, 0);
        await moveCanary(deps, channel, { from, to: setup.canary, by: call.caller.id });
        deps.log.info("channel-set-up", { by: call.caller.id, channel: channel.name, version: setup.version });
        return { status: 200, body: await shown(call, channel, setup), version: setup.version };
      },
    ),
  ];
}
