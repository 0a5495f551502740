import { setTimeout as sleep } from "node:timers/promises";
import { heldFor } from "#src/platform/clock.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Outcome } from "./channel.ts";

/** Why there is no token: the outcome of whatever needed it. */
export type TokenFault = Extract<Outcome, { kind: "retry" }>;

/** `seconds`: how long the token is good from now on. */
export type FetchedToken = { token: string; seconds: number } | { fault: TokenFault };

export type TokenSource = {
  /** Names account and secret, so that another secret has another token; never holds the secret itself. */
  credential: string;
  /**
   * Asks the vendor. `forced`: for a new one although the old one should be good; only asked for when the vendor itself
   * refused the one it hands out, at most twenty times a day and twice a minute. Undefined: the vendor has no such call.
   */
  fetch(): Promise<FetchedToken>;
  force?(): Promise<FetchedToken>;
};

/** The token of a source. `failed`: the one that the vendor has just refused; another one is answered, or a fault. */
export type SharedTokens = (source: TokenSource, failed?: string) => Promise<{ token: string } | { fault: TokenFault }>;

const FRESH_MS = 300_000;
const CLAIM_MS = 15_000;
const PATIENCE_MS = 9000;
const POLL_MS = 100;
// A vendor that refuses, or hands out a token that is nearly over, is not asked again for so long.
const REST_MS = 10_000;
const FORCED_GAP_MS = 30_000;
const FORCED_A_DAY = 20;
const DAY_MS = 86_400_000;

type Kept = {
  token?: string;
  goodUntil?: number;
  askedAt?: number;
  /** While it stands, one worker asks the vendor and the others wait. */
  claimedUntil?: number;
  fault?: TokenFault;
  /** When new tokens were forced lately. */
  forced: number[];
  version: number;
};

/**
 * One access token per credential, kept in the table for all workers and processes: a second fetch would cost quota, and
 * with some vendors end the first one's token. It is renewed five minutes before it ends, by one worker at a time.
 */
export function sharedTokens(deps: {
  table: Table;
  now: () => Date;
  /** Waits for another worker's answer. */
  wait?: (milliseconds: number) => Promise<unknown>;
}): SharedTokens {
  const { table, wait = sleep } = deps;
  const now = () => deps.now().getTime();
  const known = new Map<string, { token: string; goodUntil: number }>();
  const asking = new Map<string, ReturnType<SharedTokens>>();

  async function obtain(source: TokenSource, failed: string | undefined): ReturnType<SharedTokens> {
    const patientUntil = performance.now() + PATIENCE_MS;
    for (;;) {
      const kept = await read(table, source.credential);
      const at = now();
      const usable = kept.token !== undefined && kept.token !== failed && (kept.goodUntil ?? 0) > at;
      const rests = heldFor((kept.askedAt ?? 0) + REST_MS, at, REST_MS) > 0;
      const claimed = heldFor(kept.claimedUntil ?? 0, at, CLAIM_MS) > 0;
      if (usable && (claimed || rests || (kept.goodUntil ?? 0) - at > FRESH_MS)) return remember(source, kept);
      if (kept.fault && rests && !claimed) return { fault: kept.fault };
      if (!claimed) {
        const mine = { ...kept, claimedUntil: at + CLAIM_MS, version: kept.version + 1 };
        if (await put(table, source.credential, mine)) return renew(source, failed, mine);
      } else if (performance.now() > patientUntil) return { fault: BUSY };
      else await wait(POLL_MS);
    }
  }

  async function renew(source: TokenSource, failed: string | undefined, mine: Kept): ReturnType<SharedTokens> {
    const forced = mine.forced.filter((at) => heldFor(at + DAY_MS, now(), DAY_MS) > 0);
    let fetched = await source.fetch().catch((): FetchedToken => ({ fault: BROKEN }));
    if ("token" in fetched && fetched.token === failed) {
      const last = forced.at(-1) ?? 0;
      const may = source.force && forced.length < FORCED_A_DAY && now() - last >= FORCED_GAP_MS;
      if (may) forced.push(now());
      fetched = may && source.force ? await source.force().catch(() => ({ fault: BROKEN })) : { fault: REFUSED };
    }
    const askedAt = now();
    const { claimedUntil: _, fault: _f, ...before } = mine;
    const next: Kept = { ...before, forced, askedAt, version: mine.version + 1 };
    if ("token" in fetched) Object.assign(next, { token: fetched.token, goodUntil: askedAt + fetched.seconds * 1000 });
    else next.fault = fetched.fault;
    await put(table, source.credential, next);
    if ("token" in fetched) return remember(source, next);
    const old = next.token !== undefined && next.token !== failed && (next.goodUntil ?? 0) > askedAt;
    return old ? { token: next.token ?? "" } : fetched;
  }

  function remember({ credential }: TokenSource, { token = "", goodUntil = 0 }: Kept): { token: string } {
    known.set(credential, { token, goodUntil });
    return { token };
  }

  return (source, failed) => {
    const mine = known.get(source.credential);
    if (mine && mine.token !== failed && mine.goodUntil - now() > FRESH_MS)
      return Promise.resolve({ token: mine.token });
    const name = JSON.stringify([source.credential, failed]);
    const pending = asking.get(name) ?? obtain(source, failed).finally(() => asking.delete(name));
    asking.set(name, pending);
    return pending;
  };
}

const BUSY: TokenFault = { kind: "retry", detail: "the access token is being renewed", retryAfterSeconds: 5 };
const BROKEN: TokenFault = { kind: "retry", detail: "the access token could not be fetched" };
const REFUSED: TokenFault = {
  kind: "retry",
  detail: "the vendor refuses the access token that it hands out",
  retryAfterSeconds: 60,
};

async function read(table: Table, credential: string): Promise<Kept> {
  const { pk: _, sk: _s, ...kept } = (await table.get(keys.sharedToken(credential))) ?? { pk: "", sk: "" };
  return { forced: [], version: 0, ...kept } as Kept;
}

async function put(table: Table, credential: string, kept: Kept): Promise<boolean> {
  const condition = kept.version === 1 ? ({ absent: true } as const) : { version: kept.version - 1 };
  return (await table.write([{ put: { ...keys.sharedToken(credential), ...kept }, if: condition }])).ok;
}
