import type { Caller } from "#src/domain/members/member.ts";
import type { Commit } from "#src/platform/table.ts";
import { statusOf } from "./announcement.ts";
import { mayChangeHere } from "./permission.ts";
import type { Published } from "./plan-revision.ts";
import { planWithdrawal } from "./publish-direct.ts";
import { changedMeanwhile, type Reads, readForCaller, wrongState } from "./store.ts";

type Deps = Reads & { now: () => Date; commit?: Commit<Published> };

/** Takes a published text back: its page keeps the title and the reason, every list drops it, who got it is told. */
export async function withdraw(deps: Deps, input: { caller: Caller; id: string; reason: string }): Promise<Published> {
  const announcement = await readForCaller(deps, input.caller, input.id);
  mayChangeHere(announcement);
  if (announcement.state !== "published") throw wrongState(statusOf(announcement));
  const { writes, result } = await planWithdrawal(deps, input);
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if (!(await commit(writes, result)).ok) throw changedMeanwhile();
  return result;
}
