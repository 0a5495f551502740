import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";

/**
 * What a failed call says of its effect. `none`: it had none, ask again. `doubt`: no answer came, it may have had one.
 * `final`: asking again will not help.
 */
export type Verdict = "none" | "doubt" | "final";

const THROTTLED =
  /^(ProvisionedThroughputExceeded|Throttling|ThrottlingError|ThrottledException|RequestLimitExceeded|TooManyRequests|RequestThrottled|OverLimit|SlowDown|TransactionConflict|ReplicatedWriteConflict)/;

export function verdict(error: unknown): Verdict {
  if (error instanceof AppError || error instanceof TypeError || error instanceof RangeError) return "final";
  const { name = "", $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  if (THROTTLED.test(name)) return "none";
  if (name === "TransactionCanceledException") return cancelledForNow(error) ? "none" : "final";
  if (name === "TransactionInProgressException") return "doubt";
  const status = $metadata?.httpStatusCode;
  if (status === undefined) return name === "CredentialsProviderError" ? "final" : "doubt";
  if (status === 429) return "none";
  return status >= 500 ? "doubt" : "final";
}

function cancelledForNow(error: unknown): boolean {
  const reasons = (error as { CancellationReasons?: { Code?: string }[] }).CancellationReasons ?? [];
  const codes = reasons.map((reason) => reason.Code ?? "None").filter((code) => code !== "None");
  return codes.length > 0 && codes.every((code) => THROTTLED.test(code));
}

/** Full jitter (AWS Builders' Library, "Timeouts, retries and backoff with jitter"): 0 to 25·2ⁿ ms, at most 1 s. */
export function pause(attempt: number): Promise<void> {
  return sleep(Math.random() * Math.min(1_000, 25 * 2 ** attempt));
}

export const ATTEMPTS = 6;

/** After so long nothing is begun again: the caller of a function that waits 20 s is to hear "try again later". */
const PATIENCE_MS = 8_000;

export function unavailable(store: string, cause: unknown): AppError {
  return new AppError(
    "unavailable",
    "STORE_UNAVAILABLE",
    { zh: "存储暂时不可用，请稍后重试", en: `${store} does not answer, try again later` },
    { cause, retryAfterSeconds: 2 },
  );
}

/**
 * Runs `call` until it answers, at most `ATTEMPTS` times and for `PATIENCE_MS`. `inDoubt` tells a call that an earlier one may have had its
 * effect. With `once` a call in doubt is not repeated. Errors of verdict `final` come out as they are.
 */
export async function persistently<T>(
  what: { store: string; log: Log; once?: boolean },
  call: (inDoubt: boolean) => Promise<T>,
): Promise<T> {
  const begun = performance.now();
  let inDoubt = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(inDoubt);
    } catch (error) {
      const kind = verdict(error);
      if (kind === "final") throw error;
      inDoubt ||= kind === "doubt";
      const over = attempt === ATTEMPTS || performance.now() - begun > PATIENCE_MS;
      if (over || (what.once && kind === "doubt")) throw unavailable(what.store, error);
      what.log.warn("aws.retry", { store: what.store, attempt, error: (error as Error).name });
      await pause(attempt);
    }
  }
}
