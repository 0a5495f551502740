import { AppError } from "#src/errors.ts";
import type { Commit, Write } from "#src/platform/table.ts";
import type { WebDeps } from "#src/web/app.ts";
import { type Answer, type Claim, hold, keptAnswer, release, replayOf } from "#src/web/idempotency.ts";
import type { Call } from "./route.ts";

/** What `once` needs of the instance. */
export type OnceDeps = Pick<WebDeps, "table" | "now" | "secret">;

type OnceOptions = {
  /** Takes what is shown only once out of a body: strangers' repeats get this, and others' are kept encrypted. */
  hide?: (body: never) => unknown;
};

/**
 * Runs a verb that creates by one transaction and answers it. With an Idempotency-Key the answer is kept in that same
 * transaction: of equal requests one has the effect, and all get its answer.
 */
export async function once<Result>(
  deps: OnceDeps,
  call: Pick<Call, "claim" | "caller">,
  verb: (commit: Commit<unknown>) => Promise<Result>,
  toAnswer: (result: Result) => Answer,
  options: OnceOptions = {},
): Promise<Answer> {
  const { claim } = call;
  if (claim === undefined) return toAnswer(await verb((writes) => deps.table.write(writes)));
  let kept = false;
  const result = await verb(async (writes, outcome) => {
    const answer = toAnswer(outcome as Result);
    const write: Write = { put: recordOf(deps, call, claim, answer, options), if: { absent: true } };
    const written = await deps.table.write([...writes, write]);
    if (!written.ok && written.failed.includes(writes.length)) throw await replay(deps, claim);
    kept = written.ok;
    return written;
  });
  const answer = toAnswer(result);
  if (!kept) await keep(deps, call, claim, answer, options);
  return answer;
}

/** The same for work in several transactions: the key is held while it runs, and the answer kept at its end. */
export async function onceInSteps(
  deps: OnceDeps,
  call: Pick<Call, "claim" | "caller">,
  work: () => Promise<Answer>,
  options: OnceOptions = {},
): Promise<Answer> {
  const { claim } = call;
  if (claim === undefined) return work();
  const version = await hold(deps, claim);
  if (version === undefined) throw await replay(deps, claim);
  let answer: Answer | undefined;
  try {
    answer = await work();
  } finally {
    if (answer === undefined) await release(deps, claim, version);
  }
  const kept = { ...recordOf(deps, call, claim, answer, options), version: version + 1 };
  await deps.table.write([{ put: kept, if: { version } }]);
  return answer;
}

function recordOf(
  deps: OnceDeps,
  { caller }: Pick<Call, "caller">,
  claim: Claim,
  answer: Answer,
  options: OnceOptions,
) {
  const { hide } = options;
  const shown = hide && caller === undefined ? { ...answer, body: hide(answer.body as never) } : answer;
  return keptAnswer(deps, claim, shown, { sealed: hide !== undefined && caller !== undefined });
}

async function keep(deps: OnceDeps, call: Pick<Call, "caller">, claim: Claim, answer: Answer, options: OnceOptions) {
  await deps.table.write([{ put: recordOf(deps, call, claim, answer, options), if: { absent: true } }]);
}

const REPLAY = Symbol("replay");

/** Leaves the verb from inside: somebody else's equal request was first. */
async function replay(deps: OnceDeps, claim: Claim): Promise<Error> {
  const answer = await replayOf(deps, claim);
  return answer
    ? Object.assign(new Error("replayed"), { [REPLAY]: answer })
    : new AppError("unavailable", "IDEMPOTENCY_UNSETTLED", { zh: "请重试同一请求", en: "repeat the same request" });
}

/** The answer with which a verb was left, if that is why it threw. */
export function replayIn(error: unknown): Answer | undefined {
  return error instanceof Error && REPLAY in error ? (error[REPLAY] as Answer) : undefined;
}
