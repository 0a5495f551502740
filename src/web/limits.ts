import { createHmac } from "node:crypto";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";

export type PolicyName = "strangers" | "readers" | "guesses" | "tokens";

/** So many requests of one address or token in so many seconds; told to the table every `step` requests. */
export type Policy = { count: number; seconds: number; step: number };

/** All limits of the doors in one place. The admin role has none. */
export const POLICIES: Readonly<Record<PolicyName, Policy>> = {
  /** What anybody may send in without a token, per address. */
  strangers: { count: 60, seconds: 60, step: 5 },
  /** What anybody may read by the API without a token, per address. */
  readers: { count: 600, seconds: 60, step: 100 },
  /** Tries of secrets: receipts, unknown tokens; per address. */
  guesses: { count: 60, seconds: 60, step: 5 },
  /** Everything with a token, per token. */
  tokens: { count: 6_000, seconds: 60, step: 500 },
};

/** `over`: this request is one too many, and was not counted. */
export type Taken = {
  over: boolean;
  policy: PolicyName;
  count: number;
  seconds: number;
  left: number;
  resetSeconds: number;
};

export type Limiter = {
  /** Counts one request of an address or a token. */
  take(policy: PolicyName, who: string): Taken | Promise<Taken>;
  /** The request that was counted just now was none of those that are limited. */
  giveBack(policy: PolicyName, who: string): void;
};

type Window = { number: number; known: number; fresh: number };

const REMEMBERED = 50_000;

/**
 * Fixed windows, counted in this process and added to the table's count every few requests, which brings back what
 * other processes counted. `who` is stored only as a keyed hash.
 */
export function limiter(deps: {
  table: Table;
  now: () => Date;
  secret: Uint8Array;
  policies?: Partial<Record<PolicyName, Policy>>;
}): Limiter {
  const { table, now, secret } = deps;
  const policies = { ...POLICIES, ...deps.policies };
  const windows = new Map<string, Window>();

  async function share(policy: Policy, bucket: string, window: Window): Promise<void> {
    const added = window.fresh;
    window.known += added;
    window.fresh = 0;
    const name = createHmac("sha256", secret).update(bucket).digest("base64url").slice(0, 22);
    const key = keys.rateWindow(name, window.number);
    const expiresAt = (window.number + 2) * policy.seconds;
    try {
      await table.write([{ add: key, numbers: { count: added }, expiresAt }]);
      const item = await table.get(key);
      window.known = Math.max(window.known, Number(item?.["count"] ?? 0));
    } catch {
      // the store's own trouble is answered where it matters; the count of this process still holds
    }
  }

  function windowOf(bucket: string, number: number): Window {
    const found = windows.get(bucket);
    if (found?.number === number) return found;
    if (windows.size >= REMEMBERED) windows.clear();
    const window = { number, known: 0, fresh: 0 };
    windows.set(bucket, window);
    return window;
  }

  return {
    take(name, who) {
      const policy = policies[name];
      const seconds = now().getTime() / 1000;
      const number = Math.floor(seconds / policy.seconds);
      const resetSeconds = Math.max(1, Math.ceil((number + 1) * policy.seconds - seconds));
      const bucket = `${name}|${who}`;
      const window = windowOf(bucket, number);
      const taken = (over: boolean): Taken => {
        const left = Math.max(0, policy.count - window.known - window.fresh);
        return { over, policy: name, count: policy.count, seconds: policy.seconds, left, resetSeconds };
      };
      if (window.known + window.fresh >= policy.count) return taken(true);
      window.fresh++;
      return window.fresh < policy.step ? taken(false) : share(policy, bucket, window).then(() => taken(false));
    },
    giveBack(name, who) {
      const window = windows.get(`${name}|${who}`);
      if (window?.number === Math.floor(now().getTime() / 1000 / policies[name].seconds)) window.fresh--;
    },
  };
}

export function tooMany(retryAfterSeconds: number): AppError {
  const zh = `请求过于频繁，请在${retryAfterSeconds}秒后再试`;
  const en = `too many requests; try again in ${retryAfterSeconds} seconds`;
  return new AppError("too-many", "TOO_MANY", { zh, en }, { retryAfterSeconds });
}

/** RateLimit header fields for HTTP (IETF draft, httpapi working group). */
export function limitHeaders({ policy, count, seconds, left, resetSeconds }: Taken): Record<string, string> {
  return {
    "ratelimit-policy": `"${policy}";q=${count};w=${seconds}`,
    ratelimit: `"${policy}";r=${left};t=${resetSeconds}`,
  };
}

/** Strangers of one IPv6 network (/64) share a count; an IPv4 address written as IPv6 is that address. */
export function addressGroup(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped?.[1]) return mapped[1];
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - front.length - back.length);
  const groups = [...front, ...Array<string>(zeros).fill("0"), ...back];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}
