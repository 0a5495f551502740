import { setTimeout as sleep } from "node:timers/promises";
import { keys } from "#src/platform/keys.ts";
import type { Table, Write } from "#src/platform/table.ts";
import type { Channel, Pause, Quota, Settings } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";
import type { Counts, Waiter } from "./pace-anew.ts";
import { type Because, blankPace, isFree, type PaceRules, PaceState } from "./pace-book.ts";
import { counted, quotaAt, type Used } from "./pace-quota.ts";
import { type Ask, decide, isPaused, moveUp, paused, tell } from "./pace-rules.ts";
import { accountHash, credentialHash } from "./paced-by.ts";
import { pausedWrite } from "./paused.ts";

export type PaceDeps = { table: Table; now: () => Date; settings: SettingsReader; random?: () => number };

/**
 * `granted` pushes may start at once (`at`: when that was decided); each of the others has its turn. Milliseconds. `setup`:
 * version of the channel's settings that was read for it; the push goes by these or by newer ones.
 */
export type Taken = { granted: number; at: number; turns: number[]; because: Because; probe: boolean; setup: number };

/** `first`: not one more of a row; `since` names the row. */
export type Stopped = { first: boolean; since: number };

/**
 * The pace of each credential of one channel, kept in the store for all workers and processes: windows, spacing, quotas,
 * pauses, slow start. A grant that is not used is lost, which never passes a limit. A channel without `credential` has none.
 */
export type Pace = {
  /** `endpoint`: for quotas of an endpoint's own; then one push at a time. */
  take(address: string, ask: Ask, endpoint?: string): Promise<Taken>;
  /**
   * For those who wait for a turn at this address, in the order in which they are to go: by other windows or quotas than those that
   * held when it was promised, the new one; undefined, where the old one stands. By settings of version `setup` or newer ones.
   */
  tell(address: string, waiters: Waiter[], setup: number): Promise<{ turns: (number | undefined)[]; setup: number }>;
  /**
   * So many wait for a turn at this address's credential. What was promised beyond that is nobody's: those who wait move up, and
   * whoever comes is right behind them; `anyway`, even where the counts agree. Answers whether those who wait are to be told.
   */
  moveUp(address: string, waiting: Counts, anyway: boolean): Promise<boolean>;
  /** What was granted at that moment surely did not go out: the vendor's day or month is not the poorer for it. */
  giveBack(address: string, at: number, endpoint: string): Promise<void>;
  /** Whether endpoints have quotas of their own here, so that each asks for itself. */
  countsEndpoints(address: string): Promise<boolean>;
  /** What all credentials of one account share, where the channel has that: whoever may go by this pace asks there as well. */
  account?: Pace;
  /**
   * The vendor's word against the credential, said to a push that went by settings of version `setup`. "older": they have
   * changed since, so that what it says of the configuration holds no longer, and stops nothing.
   */
  pause(address: string, pause: Pause, setup: number): Promise<Stopped | "older">;
  /** A push by settings of version `setup` went well again after a pause for its configuration. */
  well(address: string, setup: number): Promise<void>;
  /** A fresh login: where the channel starts slowly, it does so from now on. */
  restart(address: string): Promise<void>;
};

const KEPT_SECONDS = 40 * 86_400;
const TRIES = 100;
// Who waits for the next month because the endpoint had its share; hundreds of them do not wake at once.
const MONTHLY_SPREAD_MS = 600_000;
const SEEN_MS = 5000;
const KNOWN = 500;

/** What is kept together: the pushes of one credential, or all of one account. */
export type Scope = "credential" | "account";

/** What holds for the credential (or the account) of this address, as the operator has set the channel up. */
export async function paceRules(
  settings: SettingsReader,
  channel: Channel,
  address: string,
  scope: Scope = "credential",
): Promise<PaceRules> {
  const setup = await settings(channel.name);
  const { windows = [], spacing, slowStart } = channel.limits;
  const all = quotasOf(channel, setup?.settings, address);
  const quotas = all.filter((one) => one.of === scope);
  const version = setup?.version ?? 0;
  if (scope === "account") {
    const by = JSON.stringify(quotas);
    return { windows: [], spacing: undefined, quotas, slowStart: undefined, setup: version, by };
  }
  const own = setup?.windows ?? windows;
  return {
    windows: own,
    spacing: spacing && spacing[1] > 0 ? spacing : undefined,
    quotas,
    slowStart,
    setup: version,
    by: JSON.stringify([own, spacing ?? [], all.filter((one) => one.of !== "account")]),
  };
}

/** Every quota that holds for an address; without one, those of the channel as a whole. */
export function quotasOf(channel: Channel, settings: Settings | undefined, address?: string): Quota[] {
  return [...(channel.limits.quotas ?? []), ...(channel.quotas?.(settings ?? {}, address) ?? [])];
}

export function makePace(deps: PaceDeps, channel: Channel): Pace | undefined {
  if (!channel.credential) return undefined;
  const own = paceOf(deps, channel, "credential");
  if (!channel.account) return own;
  const account = paceOf(deps, channel, "account");
  const giveBack: Pace["giveBack"] = async (...grant) => {
    await Promise.all([own.giveBack(...grant), account.giveBack(...grant)]);
  };
  return { ...own, giveBack, pause: account.pause, well: account.well, account };
}

function paceOf(deps: PaceDeps, channel: Channel, scope: Scope): Pace {
  const { table } = deps;
  const random = deps.random ?? Math.random;
  const hashOf = (address: string) => (scope === "account" ? accountHash : credentialHash)(channel, address);
  const rulesOf = (address: string) => paceRules(deps.settings, channel, address, scope);
  const endpointQuotas = async (address: string): Promise<Quota[]> => {
    if (scope === "account") return [];
    const settings = channel.quotas && (await deps.settings(channel.name))?.settings;
    return quotasOf(channel, settings, address).filter((one) => one.of === "endpoint");
  };
  const known = new Map<string, { state: PaceState; readAt: number }>();

  const remember = (hash: string, state: PaceState): void => {
    known.delete(hash);
    known.set(hash, { state, readAt: deps.now().getTime() });
    if (known.size > KNOWN) known.delete(known.keys().next().value ?? "");
  };

  const read = async (hash: string): Promise<PaceState> => {
    const item = await table.get(keys.pace(channel.name, hash));
    const state = item ? PaceState().parse(item) : blankPace();
    remember(hash, state);
    return state;
  };

  /** One conditional write; whoever was faster is read first and the step made again. `state` as this process knows it saves a read. */
  async function change<Result>(
    hash: string,
    step: (state: PaceState) => Promise<{ next: PaceState; result: Result; more?: Write[] } | { result: Result }>,
  ): Promise<Result> {
    let state = known.get(hash)?.state ?? (await read(hash));
    for (let tries = 1; ; tries++) {
      const made = await step(state);
      if (!("next" in made)) return made.result;
      const expiresAt = Math.floor(deps.now().getTime() / 1000) + KEPT_SECONDS;
      const put = { ...keys.pace(channel.name, hash), ...made.next, expiresAt };
      const condition = state.version === 0 ? { absent: true as const } : { version: state.version };
      let failure: unknown;
      const written = await table.write([{ put, if: condition }, ...(made.more ?? [])]).catch((error: unknown) => {
        failure = error;
        return { ok: false };
      });
      if (written.ok) {
        remember(hash, made.next);
        return made.result;
      }
      known.delete(hash);
      if (tries >= TRIES) throw failure ?? new Error("the pace changed too often to be kept");
      // Of several workers the slower one makes room.
      if (tries > 1) await sleep(random() * Math.min(200, 10 * tries));
      state = await read(hash);
    }
  }

  async function ownQuota(
    ofEndpoint: Quota[],
    hash: string,
    endpoint: string,
    now: number,
  ): Promise<{ waitUntil: number } | { write: Write }> {
    const key = keys.paceEndpoint(channel.name, hash, endpoint);
    const item = await table.get(key);
    const used = (item?.["used"] ?? {}) as Used;
    const free = quotaAt(ofEndpoint, now, used);
    if (free > now) return { waitUntil: Math.ceil(free + random() * MONTHLY_SPREAD_MS) };
    const version = (item?.version ?? 0) + 1;
    const expiresAt = Math.floor(now / 1000) + KEPT_SECONDS;
    const put = { ...key, used: counted(used, ofEndpoint, now, 1), version, expiresAt };
    return { write: { put, if: item ? { version: version - 1 } : { absent: true } } };
  }

  async function take(address: string, ask: Ask, endpoint?: string): Promise<Taken> {
    const hash = hashOf(address);
    let [rules, ofEndpoint] = await Promise.all([rulesOf(address), endpointQuotas(address)]);
    if (isFree(rules) && ofEndpoint.length === 0) return unlessPaused(hash, rules, ask);
    return change<Taken>(hash, async (state) => {
      // Somebody goes by newer settings already.
      if ((state.setup ?? 0) > rules.setup) {
        await deps.settings(channel.name, 0);
        [rules, ofEndpoint] = await Promise.all([rulesOf(address), endpointQuotas(address)]);
      }
      const now = deps.now().getTime();
      const own =
        endpoint !== undefined && ofEndpoint.length > 0 ? await ownQuota(ofEndpoint, hash, endpoint, now) : undefined;
      if (own && "waitUntil" in own)
        return {
          result: { granted: 0, at: now, turns: [own.waitUntil], because: "quota", probe: false, setup: rules.setup },
        };
      const { next, ...decision } = decide(state, rules, ask, now, random);
      const result = { ...decision, at: now, setup: rules.setup };
      return { next, result, ...(own && decision.granted > 0 ? { more: [own.write] } : {}) };
    });
  }

  /** A credential that only the vendor may stop: its pushes write nothing, and read seldom. */
  async function unlessPaused(hash: string, rules: PaceRules, ask: Ask): Promise<Taken> {
    const now = deps.now().getTime();
    const seen = known.get(hash);
    const state = seen && Math.abs(now - seen.readAt) < SEEN_MS ? seen.state : await read(hash);
    const { setup } = rules;
    const free: Taken = { granted: ask.pushes, at: now, turns: [], because: "rate", probe: false, setup };
    if (state.pause === undefined || (!isPaused(state, rules, now) && state.pause.because !== "configuration"))
      return free;
    return change<Taken>(hash, async (current) => {
      const { next, ...decision } = decide(current, rules, ask, now, random);
      return { next, result: { ...decision, at: now, setup } };
    });
  }

  async function tellTurns(address: string, waiters: Waiter[], setup: number) {
    if (((await deps.settings(channel.name))?.version ?? 0) < setup) await deps.settings(channel.name, 0);
    const hash = hashOf(address);
    const rules = await rulesOf(address);
    const isOlder = rules.setup < setup;
    return change(hash, async (state) => {
      const now = deps.now().getTime();
      const all = (turn: number | undefined) => ({ result: { turns: waiters.map(() => turn), setup: rules.setup } });
      // Nobody was promised a turn, or by these very rules.
      if (isOlder || state.by === undefined || (state.by === rules.by && !state.anew)) return all(undefined);
      if (isFree(rules)) return all(isPaused(state, rules, now) ? undefined : now);
      const { next, turns } = tell(state, rules, waiters, now, random);
      return { next, result: { turns, setup: rules.setup } };
    });
  }

  return {
    take,
    tell: tellTurns,
    async moveUp(address, waiting, anyway) {
      let rules = await rulesOf(address);
      return change(hashOf(address), async (state) => {
        if ((state.setup ?? 0) > rules.setup) {
          await deps.settings(channel.name, 0);
          rules = await rulesOf(address);
        }
        const next = moveUp(state, rules, { waiting, anyway }, deps.now().getTime(), random);
        return next ? { next, result: true } : { result: false };
      });
    },
    async giveBack(address, at, endpoint) {
      const hash = hashOf(address);
      const [{ quotas }, ofEndpoint] = await Promise.all([rulesOf(address), endpointQuotas(address)]);
      if (quotas.length > 0)
        await change(hash, async (state) => ({
          next: { ...state, used: counted(state.used, quotas, at, -1), version: state.version + 1 },
          result: undefined,
        }));
      for (let tries = 0; ofEndpoint.length > 0 && tries < TRIES; tries++) {
        const item = await table.get(keys.paceEndpoint(channel.name, hash, endpoint));
        if (!item) return;
        const used = counted(item["used"] as Used, ofEndpoint, at, -1);
        const version = item.version ?? 0;
        if ((await table.write([{ put: { ...item, used, version: version + 1 }, if: { version } }])).ok) return;
      }
    },
    countsEndpoints: async (address) => (await endpointQuotas(address)).length > 0,
    async pause(address, pause, setup) {
      const ofConfiguration = pause.because === "configuration";
      // It happens seldom, and what this process remembers may be what was changed.
      const latest = ofConfiguration ? ((await deps.settings(channel.name, 0))?.version ?? 0) : setup;
      if (setup < latest) return "older";
      const rules = { ...(await rulesOf(address)), ...(ofConfiguration ? { setup } : {}) };
      const hash = hashOf(address);
      return change<Stopped | "older">(hash, async (state) => {
        if (ofConfiguration && (state.pause?.setup ?? 0) > setup) return { result: "older" };
        const now = deps.now().getTime();
        const { next, first } = paused(state, rules, pause, now);
        return {
          next,
          result: { first, since: next.pause?.since ?? now },
          more: next.pause ? [pausedWrite(channel.name, hash, next.pause)] : [],
        };
      });
    },
    async well(address, setup) {
      const hash = hashOf(address);
      await change(hash, async ({ pause, ...state }) =>
        pause?.because === "configuration" && pause.setup <= setup
          ? {
              next: { ...state, version: state.version + 1 },
              result: undefined,
              more: [{ remove: keys.pausedPace(channel.name, hash) }],
            }
          : { result: undefined },
      );
    },
    async restart(address) {
      if (!channel.limits.slowStart) return;
      await change(hashOf(address), async (state) => ({
        next: { ...state, slowFrom: deps.now().getTime(), version: state.version + 1 },
        result: undefined,
      }));
    },
  };
}

/** Whether a push to this address may ever have to wait, other than for the vendor's word. */
export async function holdsBack(settings: SettingsReader, channel: Channel, address: string): Promise<boolean> {
  const [rules, setup] = await Promise.all([paceRules(settings, channel, address), settings(channel.name)]);
  return !isFree({ ...rules, quotas: quotasOf(channel, setup?.settings, address) });
}
