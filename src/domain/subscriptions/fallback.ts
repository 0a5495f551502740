import { AppError, type InputError } from "#src/errors.ts";
import type { Table } from "#src/platform/table.ts";
import { readSubscription } from "./manage.ts";
import type { SubscriptionChange } from "./new-subscription.ts";
import type { Fallback } from "./subscription.ts";

/** How an endpoint stands in for another; undefined when it does not. AppError "invalid" when both are the same. */
export function fallbackOf(endpoint: string, first: string | undefined, minutes = 1): Fallback | undefined {
  if (first === undefined) return undefined;
  if (first === endpoint)
    throw refused({
      pointer: "/fallbackFor",
      code: "FALLBACK_SELF",
      detail: { zh: "备用接收端不得与首选相同", en: "a fallback is another endpoint than the first choice" },
    });
  return { endpoint: first, minutes };
}

/** The endpoint of the subscription that somebody names as first choice and can show the manage token of. */
export async function firstChoice(
  deps: { table: Table },
  { subscriptionId, manageToken }: { subscriptionId: string; manageToken: string },
): Promise<string> {
  const found = await readSubscription(deps, subscriptionId, { manageToken }).catch((error: unknown) => {
    if (error instanceof AppError && error.kind !== "unavailable") return undefined;
    throw error;
  });
  if (!found || found.status === "ended")
    throw refused({
      pointer: "/fallbackFor",
      code: "FALLBACK_UNKNOWN",
      detail: {
        zh: "首选订阅不存在、已结束，或管理令牌无效",
        en: "there is no such subscription, it has ended, or the manage token is not its own",
      },
    });
  return found.endpoint;
}

/** How a changed subscription stands in for another; `endpoint` is its own, as it is to be. */
export async function changedFallback(
  deps: { table: Table },
  { endpoint, after }: { endpoint: string; after?: Fallback },
  { fallbackFor, afterMinutes }: Pick<SubscriptionChange, "fallbackFor" | "afterMinutes">,
): Promise<Fallback | undefined> {
  const stays = fallbackFor === undefined ? after?.endpoint : undefined;
  const first = fallbackFor ? await firstChoice(deps, fallbackFor) : stays;
  if (fallbackFor && afterMinutes === undefined) throw minutesMissing();
  if (first === undefined && afterMinutes !== undefined) throw noFirstChoice();
  return fallbackOf(endpoint, first, afterMinutes ?? after?.minutes);
}

function minutesMissing(): AppError {
  return refused({
    pointer: "/afterMinutes",
    code: "FALLBACK_MINUTES",
    detail: { zh: "请填写等待多少分钟", en: "say how many minutes to wait" },
  });
}

function noFirstChoice(): AppError {
  return refused({
    pointer: "/fallbackFor",
    code: "FALLBACK_UNKNOWN",
    detail: { zh: "请先填写首选订阅", en: "name the first choice as well" },
  });
}

export function notForAFallback(): AppError {
  return refused({
    pointer: "/frequency",
    code: "FALLBACK_FREQUENCY",
    detail: { zh: "备用接收端的频率须为立即", en: "a fallback wants its texts at once" },
  });
}

function refused(error: InputError): AppError {
  const detail = { zh: "输入有误", en: "the input is not acceptable" };
  return new AppError("invalid", "INVALID", detail, { errors: [error] });
}
