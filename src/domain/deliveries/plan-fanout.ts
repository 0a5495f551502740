import { type Revision, topicsOf } from "#src/domain/announcements/announcement.ts";
import type { Queue, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { dayItem } from "./day.ts";
import { dropFromDigests } from "./drop-from-digests.ts";
import { type Fanout, fanoutItem, findFanout } from "./store.ts";
import { grouped, planningQueue } from "./work-queue.ts";

export type PlanDeps = { table: Table; queue: (name: QueueName) => Queue; now: () => Date };

const FIRST_CHECK_SECONDS = 60;

/**
 * Starts the fan-out of a revision that the change feed told of; may run twice. Older fan-outs of the announcement are
 * marked first: from then on no worker begins a push of theirs.
 */
export async function planFanout(deps: PlanDeps, revision: Revision): Promise<void> {
  const { announcementId } = revision;
  const now = deps.now();
  for (let earlier = revision.revision - 1; earlier >= 1; earlier--) {
    await supersede(deps, fanoutOf(revision, earlier, now), revision.revision);
    await dropFromDigests(deps, { announcementId, revision: earlier });
  }
  const fanout = fanoutOf(revision, revision.revision, now);
  const nextCheckAt = new Date(now.getTime() + FIRST_CHECK_SECONDS * 1000);
  // Apart from the fan-out itself, because a transaction costs twice: a line too many in the list of a day does no harm.
  await deps.table.write([{ put: dayItem(fanout), if: { absent: true } }]);
  const put = await deps.table.write([{ put: fanoutItem(fanout, nextCheckAt), if: { absent: true } }]);
  if (!put.ok) {
    const known = await findFanout(deps.table, announcementId, revision.revision);
    if (known?.closedAt !== undefined || known?.supersededBy !== undefined) return;
  }
  const body = { announcementId, revision: revision.revision, range: "" };
  await deps.queue(planningQueue(fanout.urgent === true)).send(grouped(announcementId, [{ body }]));
}

function fanoutOf(revision: Revision, number: number, now: Date): Fanout {
  return {
    announcementId: revision.announcementId,
    revision: number,
    kind: revision.kind,
    topics: topicsOf(revision),
    endpoints: revision.audience.kind === "internal" ? revision.audience.endpoints : [],
    plannedAt: now.toISOString(),
    publishedAt: revision.publishedAt,
    ...(revision.audience.kind === "internal" ? { internal: true } : {}),
    ...(revision.content.urgency === "urgent" ? { urgent: true } : {}),
    sweeps: 0,
    version: 1,
  };
}

/** A revision whose word comes late is put down as superseded already, so that its own fan-out never starts. */
async function supersede(deps: PlanDeps, blank: Fanout, by: number): Promise<void> {
  for (;;) {
    const known = await findFanout(deps.table, blank.announcementId, blank.revision);
    if (known && known.supersededBy !== undefined) return;
    const nextCheckAt = known?.closedAt === undefined && known ? deps.now() : undefined;
    const marked = known
      ? { ...known, supersededBy: by, version: known.version + 1 }
      : { ...blank, supersededBy: by, closedAt: blank.plannedAt, totals: {} };
    const put = await deps.table.write([
      { put: fanoutItem(marked, nextCheckAt), if: known ? { version: known.version } : { absent: true } },
    ]);
    if (put.ok) return;
  }
}
