import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { Content } from "./announcement.ts";
import type { EventData } from "./cloud-event.ts";
import { mayWriteFor } from "./permission.ts";
import type { Published } from "./plan-revision.ts";
import { publishDirect } from "./publish-direct.ts";
import type { Reads } from "./store.ts";

type Deps = Reads & { now: () => Date };

export type Event = { source: string; id: string; data: EventData };

/**
 * Publishes what another system says it has published. `source` and `id` make it one announcement however often it is
 * told; the same two with other data are a conflict. The publisher's own review counts: the column's approvals do not.
 */
export async function publishEvent(
  deps: Deps,
  input: { caller: Caller; event: Event },
): Promise<{ result: Published; repeated: boolean }> {
  const { source, id, data } = input.event;
  const unitId = data.unitId ?? input.caller.unitId;
  if (unitId === undefined) throw unitMissing();
  mayWriteFor(input.caller, unitId);
  const content = Content().parse({ ...data, unitId });
  const { result, found } = await publishDirect(deps, {
    content,
    audience: { kind: "public" },
    idSeed: ["event", source, id],
  });
  if (found === "other")
    throw new AppError("conflict", "EVENT_REUSED", {
      zh: "同一来源的这个事件编号已用于别的内容",
      en: "this id of this source was used with other data",
    });
  return { result, repeated: found === "same" };
}

function unitMissing(): AppError {
  const detail = { zh: "请指明单位", en: "name the unit" };
  const text = { zh: "内容有误", en: "the input is not acceptable" };
  return new AppError("invalid", "INPUT", text, { errors: [{ pointer: "/unitId", code: "REQUIRED", detail }] });
}
