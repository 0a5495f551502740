import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel } from "./channel.ts";
import { isSetUp, readSetup } from "./channel-settings.ts";
import { credentialHash, paceRules, resetsAt } from "./pace.ts";
import { leftAt, type Used } from "./pace-quota.ts";
import { type Because, blankPace, decide, isPaused, type PaceRules, PaceState } from "./pace-rules.ts";

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
  const rules = await paceRules(async () => setup, channel);
  const busiest = [...load.entries()].sort(([, a], [, b]) => b.count - a.count);
  const read = busiest.slice(0, channel.credential ? CREDENTIALS_READ : 0);
  const items = await deps.table.getMany(read.map(([hash]) => keys.pace(channel.name, hash)));
  const states = items.map((item) => (item ? PaceState.parse(item) : blankPace()));
  // Of an audience that was counted in part: few credentials have more each, many are more of them.
  const each = load.size <= 8 ? scale : 1;
  const endpoints = busiest.reduce((sum, [, { count }]) => sum + count, 0) * scale;
  const turns = read.map(([, { count }], i) =>
    lastTurn(states[i] ?? blankPace(), rules, Math.round(count * each), now),
  );
  const inParallel = (endpoints / channel.limits.inFlight) * ANSWER_SECONDS * 1000;
  const last = Math.max(now + inParallel, ...turns);
  const pauses = states.flatMap((state) => isPaused(state, rules, now) ?? []).sort((a, b) => b.until - a.until);
  const quota = await quotaOf(deps, channel, rules, read, states, now);
  const [pause] = pauses;
  return {
    drainSeconds: Math.ceil((last - now) / 1000),
    lastAt: new Date(last).toISOString(),
    ...quota,
    ready: isSetUp(channel, setup?.settings),
    ...(pause ? { paused: { because: pause.because, until: new Date(pause.until).toISOString() } } : {}),
  };
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

async function quotaOf(
  deps: { table: Table },
  channel: Channel,
  rules: PaceRules,
  read: [string, { endpoints: string[] }][],
  states: PaceState[],
  now: number,
): Promise<Pick<Forecast, "quotaLeft" | "quotaResetsAt">> {
  const quotas = channel.limits.quotas ?? [];
  const resets = resetsAt(quotas, now);
  if (resets === undefined) return { quotaLeft: null };
  const own = quotas.filter((one) => one.of === "endpoint");
  const lefts = states.map(({ used, promised }) => leftAt(rules.quotas, now, used, promised));
  const keysOfEndpoints = read
    .flatMap(([hash, { endpoints }]) => endpoints.map((endpoint) => keys.paceEndpoint(channel.name, hash, endpoint)))
    .slice(0, own.length > 0 ? CREDENTIALS_READ : 0);
  for (const item of await deps.table.getMany(keysOfEndpoints)) lefts.push(leftAt(own, now, item?.["used"] as Used));
  const left = Math.min(...quotas.map(({ count }) => count), ...lefts);
  return { quotaLeft: left, quotaResetsAt: new Date(resets).toISOString() };
}
