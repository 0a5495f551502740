import { z } from "zod";
import { AppError, type InputError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Commit, Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import type { Text } from "#src/text.ts";
import type { Channel, ChannelName, SettingChoice, Settings } from "./channel.ts";
import { setupWordWrite } from "./setup-feed.ts";

/** How this instance runs a channel. Kept in the table: the environment of a function holds no secret. */
export const ChannelSetup = schema(() =>
  z.object({
    settings: z.record(z.string(), z.string()),
    /** Instead of the channel's own windows; from the next push on. */
    windows: z.array(z.object({ seconds: z.number(), count: z.number() })).exactOptional(),
    /** An address of the operator's own, which gets every public announcement and shows how fast this channel is. */
    canary: z.string().exactOptional(),
    /** Version with which windows or quotas changed last. */
    paced: z.number().exactOptional(),
    updatedAt: z.string(),
    version: z.number(),
  }),
);
export type ChannelSetup = z.infer<ReturnType<typeof ChannelSetup>>;

export async function readSetup(table: Table, channel: ChannelName): Promise<ChannelSetup | undefined> {
  const item = await table.get(keys.setting(`channel:${channel}`));
  return item && ChannelSetup().parse(item);
}

/** `null` takes a value away; what is not named stays. */
export type SetupChange = {
  settings?: Record<string, string | null> | undefined;
  windows?: { seconds: number; count: number }[] | null | undefined;
  canary?: string | null | undefined;
};

const TRIES = 10;

/** What waits for the settings is tried again soon after. AppError "invalid" with pointers for what the channel does not know or cannot use; "stale" when somebody was faster. */
export async function changeSetup(
  deps: { table: Table; now: () => Date; commit?: Commit<ChannelSetup> },
  channel: Channel,
  change: SetupChange,
  version: number | undefined,
  tries = TRIES,
): Promise<ChannelSetup> {
  const known = await readSetup(deps.table, channel.name);
  if (version !== undefined && version !== (known?.version ?? 0)) throw stale();
  const settings = { ...known?.settings };
  const errors: InputError[] = [];
  for (const [name, value] of Object.entries(change.settings ?? {})) {
    const spec = channel.settings?.find((one) => one.name === name);
    const pointer = `/settings/${name}`;
    if (!spec) errors.push({ pointer, code: "SETTING_UNKNOWN", detail: UNKNOWN });
    else if (value === null) delete settings[name];
    else if (spec.choices && !spec.choices.some((choice) => choice.value === value))
      errors.push({ pointer, code: "SETTING_CHOICE", detail: noChoice(spec.choices) });
    else if (spec.check && !spec.check.test(value))
      errors.push({ pointer, code: "SETTING", detail: unfit(spec.label) });
    else settings[name] = value;
  }
  // Windows are counted per credential: where there is none, nobody would keep what is shown as a limit.
  if (change.windows && !channel.credential)
    errors.push({ pointer: "/windows", code: "WINDOWS_UNKNOWN", detail: NO_WINDOWS });
  const checked = change.canary ? await channel.address(change.canary, { settings }) : undefined;
  if (checked && "errors" in checked) errors.push(...checked.errors.map((one) => ({ ...one, pointer: "/canary" })));
  // What an address needs besides itself (the keys of a browser) nobody can enter here.
  const signing = change.canary ? channel.secret?.(undefined) : undefined;
  if (signing && "errors" in signing) errors.push(...signing.errors.map((one) => ({ ...one, pointer: "/canary" })));
  if (errors.length > 0)
    throw new AppError("invalid", "INVALID", { zh: "输入有误", en: "the input is not acceptable" }, { errors });
  const windows = change.windows === undefined ? known?.windows : (change.windows ?? undefined);
  const canary =
    change.canary === undefined ? known?.canary : checked && "address" in checked ? checked.address : undefined;
  const next = (known?.version ?? 0) + 1;
  const isPaced = paceOf(channel, settings, windows) !== paceOf(channel, known?.settings, known?.windows);
  const paced = isPaced ? next : known?.paced;
  const setup: ChannelSetup = {
    settings,
    ...(windows === undefined ? {} : { windows }),
    ...(canary === undefined ? {} : { canary }),
    ...(paced === undefined ? {} : { paced }),
    updatedAt: deps.now().toISOString(),
    version: next,
  };
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  const put = { ...keys.setting(`channel:${channel.name}`), ...setup };
  const written = await commit(
    [{ put, if: known ? { version: known.version } : { absent: true } }, setupWordWrite(channel.name, next, isPaced)],
    setup,
  );
  if (written.ok) return setup;
  if (version !== undefined || tries <= 1) throw stale();
  // Who names no version only changes what is named, whatever somebody else changed beside it.
  return changeSetup(deps, channel, change, version, tries - 1);
}

/** What of the settings says how fast it goes. */
function paceOf(channel: Channel, settings: Settings = {}, windows: ChannelSetup["windows"]): string {
  return JSON.stringify([windows ?? channel.limits.windows ?? [], channel.quotas?.(settings) ?? []]);
}

/** The value of a setting that the instance makes for itself; of several who make one at once the first one's stands. */
export async function keepSetting(
  deps: { table: Table; now: () => Date },
  channel: ChannelName,
  name: string,
  make: () => string,
): Promise<string> {
  for (;;) {
    const known = await readSetup(deps.table, channel);
    const kept = known?.settings[name];
    if (kept !== undefined) return kept;
    const value = make();
    const setup: ChannelSetup = {
      ...known,
      settings: { ...known?.settings, [name]: value },
      updatedAt: deps.now().toISOString(),
      version: (known?.version ?? 0) + 1,
    };
    const put = { ...keys.setting(`channel:${channel}`), ...setup };
    const condition = known ? { version: known.version } : { absent: true as const };
    if ((await deps.table.write([{ put, if: condition }, setupWordWrite(channel, setup.version)])).ok) return value;
  }
}

/** Whether everything that the channel needs is set. */
export function isSetUp(channel: Channel, settings: Settings | undefined): boolean {
  const all = (channel.settings ?? []).every(({ name, required }) => !required || (settings?.[name] ?? "") !== "");
  return all && (channel.isSetUp?.(settings ?? {}) ?? true);
}

/** How long somebody who pushes may go by settings that have changed. */
export const FRESH_MS = 10_000;

/**
 * Reads the settings of channels for those who push: at most so old, so that a change counts everywhere within seconds; or at most
 * `freshMs` old, for who has just changed them and for who would refuse something because they are missing.
 */
export function settingsReader(deps: { table: Table; now: () => Date }): SettingsReader {
  const read = new Map<ChannelName, { at: number; setup: Promise<ChannelSetup | undefined> }>();
  return (channel, freshMs = FRESH_MS) => {
    const now = deps.now().getTime();
    const known = read.get(channel);
    if (known && Math.abs(now - known.at) < freshMs) return known.setup;
    const setup = readSetup(deps.table, channel);
    read.set(channel, { at: now, setup });
    setup.catch(() => read.delete(channel));
    return setup;
  };
}
export type SettingsReader = (channel: ChannelName, freshMs?: number) => Promise<ChannelSetup | undefined>;

const UNKNOWN = { zh: "该渠道没有这一项设置", en: "this channel has no such setting" };
const NO_WINDOWS = { zh: "该渠道没有可限速的账号", en: "this channel has no account whose pace could be set" };

function unfit({ zh, en }: Text): Text {
  return { zh: `格式不符：${zh}`, en: `not in the form that is needed: ${en}` };
}

function noChoice(choices: readonly SettingChoice[]): Text {
  const values = choices.map(({ value }) => value);
  return { zh: `只能是以下之一：${values.join("、")}`, en: `must be one of: ${values.join(", ")}` };
}

function stale(): AppError {
  return new AppError("stale", "VERSION", {
    zh: "设置已被他人修改，请重新读取",
    en: "the settings have changed; read them again",
  });
}
