import { AppError, readFault } from "#src/errors.ts";
import { derivedId } from "#src/ids.ts";
import type { Commit } from "#src/platform/table.ts";
import { type Audience, Content } from "./announcement.ts";
import { attributionOf } from "./attribution.ts";
import { type Column, DUTY_COLUMN } from "./column.ts";
import { contentHash } from "./content-hash.ts";
import { type Planned, type Published, planRevision, publishedOf } from "./plan-revision.ts";
import { changedMeanwhile, noSuchAnnouncement, type Reads, readAnnouncement, readRevision } from "./store.ts";

type Deps = Reads & { now: () => Date };

/**
 * A text that was decided on elsewhere: an accepted annual report, a trusted publisher's event, a duty alarm.
 * `idSeed` names its origin; the same words always give the same announcement. An internal one may name its unit itself.
 */
export type DirectPublication = {
  content: Content;
  audience: Audience;
  idSeed: [string, ...string[]];
  unitName?: string;
};

/** `found`: what stood under this id before. Only "nothing" has writes; "same" and "other" answer the first revision. */
export type PlannedPublication = Planned & { found: "nothing" | "same" | "other" };

/** The writes of a first revision, for the caller's own transaction. Throws 422 for an unknown unit or column. */
export async function planPublish(deps: Deps, input: DirectPublication): Promise<PlannedPublication> {
  const id = derivedId("ann", ...input.idSeed);
  const content = readable(input.content);
  const hash = contentHash(content);
  const first = await readRevision(deps, id, 1);
  if (first) return { writes: [], result: publishedOf(first), found: first.contentHash === hash ? "same" : "other" };
  const { column, unitName } = await attribution(deps, input);
  const planned = planRevision({
    id,
    kind: "published",
    content,
    contentHash: hash,
    audience: input.audience,
    unitName,
    column,
    origin: input.idSeed[0],
    at: deps.now().toISOString(),
  });
  return { ...planned, found: "nothing" };
}

async function attribution(deps: Deps, input: DirectPublication): Promise<{ column: Column; unitName: string }> {
  if (input.audience.kind === "internal" && input.unitName !== undefined && input.content.column === DUTY_COLUMN.slug)
    return { column: DUTY_COLUMN, unitName: input.unitName };
  return attributionOf(deps, input.content);
}

/** Publishes at once, once: a repetition answers the first time's result, `found` tells with which content. */
export async function publishDirect(
  deps: Deps & { commit?: Commit<Published> },
  input: DirectPublication,
): Promise<{ result: Published; found: PlannedPublication["found"] }> {
  const { writes, result, found } = await planPublish(deps, input);
  if (found !== "nothing") return { result, found };
  const commit = deps.commit ?? ((all) => deps.table.write(all));
  if ((await commit(writes, result)).ok) return { result, found };
  const again = await planPublish(deps, input);
  if (again.found === "nothing") throw changedMeanwhile();
  return { result: again.result, found: again.found };
}

/** An announcement that only the named topics and endpoints get; it stands in no list, page, feed or search. */
export function publishInternal(
  deps: Deps,
  input: Omit<DirectPublication, "audience"> & { topics: string[]; endpoints: string[] },
): Promise<{ result: Published; found: PlannedPublication["found"] }> {
  const { topics, endpoints, ...rest } = input;
  return publishDirect(deps, { ...rest, audience: { kind: "internal", topics, endpoints } });
}

/** The writes of the next revision with other content, for the caller's own transaction. */
export async function planCorrection(
  deps: Deps,
  input: { id: string; content: Content; reason: string; unitName?: string },
): Promise<Planned> {
  const before = await standing(deps, input.id);
  const content = readable(input.content);
  const { column, unitName } = await attributionOf(deps, content);
  return planRevision(
    {
      id: input.id,
      kind: "corrected",
      content,
      contentHash: contentHash(content),
      audience: before.announcement.audience,
      unitName,
      column,
      reason: input.reason,
      at: deps.now().toISOString(),
    },
    before,
  );
}

/** The writes of a withdrawal, for the caller's own transaction: the last text under a notice with its reason. */
export async function planWithdrawal(deps: Deps, input: { id: string; reason: string }): Promise<Planned> {
  const before = await standing(deps, input.id);
  const { last } = before;
  return planRevision(
    {
      id: input.id,
      kind: "withdrawn",
      content: last.content,
      contentHash: last.contentHash,
      audience: last.audience,
      unitName: last.unitName,
      column: {
        slug: last.content.column,
        name: last.columnName,
        kind: last.columnKind,
        mayBreakQuietHours: last.mayBreakQuietHours,
        approvals: 0,
        version: 1,
      },
      reason: input.reason,
      at: deps.now().toISOString(),
    },
    before,
  );
}

/** What is stored must be readable again: a text that was put together elsewhere meets the same limits as a typed one. */
function readable(content: Content): Content {
  const { data, error } = Content().safeParse(content);
  if (data) return data;
  const errors = error.issues.map(({ path, message }) => ({
    pointer: `/${path.join("/")}`,
    ...(readFault(message) ?? { code: "CONTENT", detail: { zh: message, en: message } }),
  }));
  const detail = { zh: "公告内容不符合要求", en: "the announcement's content is not acceptable" };
  throw new AppError("invalid", "CONTENT", detail, { errors });
}

async function standing(deps: Deps, id: string) {
  const announcement = await readAnnouncement(deps, id);
  const last = announcement && (await readRevision(deps, id, announcement.revision));
  if (!announcement || !last) throw noSuchAnnouncement();
  if (announcement.state !== "published") throw changedMeanwhile();
  return { announcement, last };
}
