import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, Quota, Settings } from "./channel.ts";
import { isSetUp, readSetup } from "./channel-settings.ts";
import { paceRules, quotasOf } from "./pace.ts";
import { type Because, blankPace, type PaceRules, PaceState } from "./pace-book.ts";
import { leftAt, nextPeriod, type Used } from "./pace-quota.ts";
import { decide, isPaused } from "./pace-rules.ts";
import { accountHash, credentialHash } from "./paced-by.ts";

export type Forecast = {
  /** Until the last one of those who get it now, and when that is. */
  drainSeconds: number;
  lastAt: string;
  /** What the vendor's day or month has left for the credential (or the endpoint) that has least; null: it counts nothing. */
  quotaLeft: number | null;
  quotaResetsAt?: string;
  /** Whether everything is set up; whether a vendor stopped a credential, until when and why. */
  ready: boolean;
  paused?: { because: Because; until: string };
};

/** Who is to get something at once through one channel, by credential. */
export type Load = Map<string, { address: string; endpoints: string[]; count: number }>;

// What an answer of a receiver usually takes, where the channel has no rate of its own.
const ANSWER_SECONDS = 0.3;
const CREDENTIALS_READ = 100;
const STEP = 500;
const MOST_SIMULATED = 20_000;

export function addLoad(load: Load, channel: Channel, endpoint: string, address: string): void {
  const hash = channel.credential ? credentialHash(channel, address) : "";
  const known = load.get(hash) ?? { address, endpoints: [], count: 0 };
  known.count++;
  if (known.endpoints.length < CREDENTIALS_READ) known.endpoints.push(endpoint);
  load.set(hash, known);
}

/** How long a channel takes for this load at its real pace: what is left in windows, who waits already, quotas, pauses. */
export async function forecast(
  deps: { table: Table; now: () => Date },
  channel: Channel,
  load: Load,
  scale: number,
): Promise<Forecast> {
  const now = deps.now().getTime();
  const setup = await readSetup(deps.table, channel.name);
  const settings = async () => setup;
  const busiest = [...load.entries()].sort(([, a], [, b]) => b.count - a.count);
  // Of an audience that was counted in part: few credentials have more each, many are more of them.
  const each = load.size <= 8 ? scale : 1;
  const endpoints = busiest.reduce((sum, [, { count }]) => sum + count, 0) * scale;
  const paces: Paced[] = [];
  const accounts = new Map<string, { address: string; count: number }>();
  for (const [hash, { address, count, endpoints }] of busiest.slice(0, channel.credential ? CREDENTIALS_READ : 0)) {
    paces.push({
      hash,
      rules: await paceRules(settings, channel, address),
      pushes: Math.round(count * each),
      endpoints,
    });
    if (!channel.account) continue;
    const account = accountHash(channel, address);
    accounts.set(account, { address, count: count + (accounts.get(account)?.count ?? 0) });
  }
  for (const [hash, { address, count }] of accounts) {
    const rules = await paceRules(settings, channel, address, "account");
    paces.push({ hash, rules, pushes: Math.round(accounts.size === 1 ? endpoints : count), endpoints: [] });
  }
  const items = await deps.table.getMany(paces.map(({ hash }) => keys.pace(channel.name, hash)));
  const states = items.map((item) => (item ? PaceState().parse(item) : blankPace()));
  const turns = paces.map(({ rules, pushes }, i) => lastTurn(states[i] ?? blankPace(), rules, pushes, now));
  const inParallel = (endpoints / channel.limits.inFlight) * ANSWER_SECONDS * 1000;
  const pauses = states
    .flatMap((state, i) => isPaused(state, paces[i]?.rules ?? NO_RULES, now) ?? [])
    .sort((a, b) => b.until - a.until);
  const lefts = [
    ...paces.map(({ rules }, i) => quotaLeft(rules.quotas, now, states[i]?.used, states[i]?.promised)),
    ...(await ownQuotas(deps, channel, setup?.settings, load, paces, now)),
  ].flatMap((left) => left ?? []);
  const least = lefts.toSorted((a, b) => a.left - b.left || b.resets - a.resets)[0];
  const usedUp = lefts.flatMap(({ left, resets, own }) => (own && left === 0 ? [resets] : []));
  const last = Math.max(now + inParallel, ...turns, ...usedUp);
  const [pause] = pauses;
  return {
    drainSeconds: Math.ceil((last - now) / 1000),
    lastAt: new Date(last).toISOString(),
    quotaLeft: least?.left ?? null,
    ...(least ? { quotaResetsAt: new Date(least.resets).toISOString() } : {}),
    ready: isSetUp(channel, setup?.settings),
    ...(pause ? { paused: { because: pause.because, until: new Date(pause.until).toISOString() } } : {}),
  };
}

type Paced = { hash: string; rules: PaceRules; pushes: number; endpoints: string[] };
type Left = { left: number; resets: number; own?: true };

const NO_RULES: PaceRules = { windows: [], spacing: undefined, quotas: [], slowStart: undefined, setup: 0, by: "" };

/** What is left of the quota that has least, and when it begins anew. */
function quotaLeft(quotas: readonly Quota[], now: number, ...used: (Used | undefined)[]): Left | undefined {
  const lefts = quotas.map((one) => ({ left: leftAt([one], now, ...used), resets: nextPeriod(one.per, now) }));
  return lefts.toSorted((a, b) => a.left - b.left || b.resets - a.resets)[0];
}

/** Of endpoints that have a share of their own: of each what it has left. */
async function ownQuotas(
  deps: { table: Table },
  channel: Channel,
  settings: Settings | undefined,
  load: Load,
  paces: Paced[],
  now: number,
): Promise<Left[]> {
  const counted = paces
    .flatMap(({ hash, endpoints }) => {
      const quotas = quotasOf(channel, settings, load.get(hash)?.address).filter((one) => one.of === "endpoint");
      return quotas.length === 0 ? [] : endpoints.map((endpoint) => ({ hash, endpoint, quotas }));
    })
    .slice(0, CREDENTIALS_READ);
  const items = await deps.table.getMany(
    counted.map(({ hash, endpoint }) => keys.paceEndpoint(channel.name, hash, endpoint)),
  );
  return counted.flatMap(({ quotas }, i): Left[] => {
    const left = quotaLeft(quotas, now, items[i]?.["used"] as Used | undefined);
    return left ? [{ ...left, own: true }] : [];
  });
}

/** When the last of so many would have its turn, by the rule that will give it to them; nothing is promised to anybody. */
function lastTurn(state: PaceState, rules: PaceRules, pushes: number, now: number): number {
  const simulated = Math.min(pushes, MOST_SIMULATED);
  let current = state;
  let last = now;
  for (let done = 0; done < simulated; done += STEP) {
    const ask = { pushes: Math.min(STEP, simulated - done), urgent: false, ticket: false };
    const { turns, next } = decide(current, rules, ask, now, middle);
    last = Math.max(last, ...turns);
    current = next;
  }
  return now + ((last - now) * pushes) / Math.max(1, simulated);
}

function middle(): number {
  return 0.5;
}
