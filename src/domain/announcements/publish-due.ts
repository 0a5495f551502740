import { z } from "zod";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { join, keys } from "#src/platform/keys.ts";
import { schema } from "#src/schema.ts";
import { announcementItem, deskWrites, type Reads, readAnnouncement } from "./store.ts";

const ScheduledRow = schema(() => z.object({ id: z.string(), publishAt: z.string() }));
type ScheduledRow = z.infer<ReturnType<typeof ScheduledRow>>;

type Deps = Reads & { now: () => Date; log: Log };

/** Publishes what is due by now and answers how many went out. One that may not go out any more is taken off the schedule. */
export async function publishDue(deps: Deps): Promise<number> {
  let published = 0;
  let after: string | undefined;
  do {
    const page = await deps.table.query({
      pk: keys.scheduled("", "").pk,
      to: join(deps.now().toISOString(), "~"),
      limit: 100,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) if (await release(deps, ScheduledRow().parse(item))) published++;
    after = page.next;
  } while (after !== undefined);
  return published;
}

async function release(deps: Deps, row: ScheduledRow): Promise<boolean> {
  const announcement = await readAnnouncement(deps, row.id);
  const work = announcement?.work;
  if (announcement?.state !== "draft" || work?.publishAt !== row.publishAt) {
    await deps.table.write([{ remove: keys.scheduled(row.publishAt, row.id) }]);
    return false;
  }
  try {
    const { planRelease } = await import("./publish.ts");
    const { writes } = await planRelease(deps, announcement, work, deps.now());
    const { ok } = await deps.table.write(writes);
    if (ok) deps.log.info("announcement.published", { id: row.id, scheduled: true });
    return ok;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === "unavailable") throw error;
    deps.log.warn("announcement.unscheduled", { id: row.id, code: error.code });
    const { publishAt: _, ...open } = work;
    const off = { ...announcement, version: announcement.version + 1, work: open, updatedAt: deps.now().toISOString() };
    await deps.table.write([
      { put: announcementItem(off), if: { version: announcement.version } },
      { remove: keys.scheduled(row.publishAt, row.id) },
      ...deskWrites(off, work),
    ]);
    return false;
  }
}
