import type { DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import type { Change, ChangeHandler, Item, Key } from "#src/platform/table.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Group } from "./group.ts";
import { insist, sleeper } from "./waiting.ts";

const BATCH = 100;
const FORGET_MS = 250;
const FORGET_AT_ONCE = 1000;
const TRIES = 10;
/** Changes whose items need not be read back: so many, of texts so long at most. */
const REMEMBERED = 1_000;
const REMEMBERED_CHARACTERS = 16_000;
const PAUSES = { firstMs: 200, longestMs: 10_000 };

type Told = { id: number; tries: number; item: Item };

/** Changes of one item that wait behind its first, which failed so many times. */
type Held = { ids: number[]; tries: number; due: number };

/**
 * Tells recorded changes to the one consumer in their order, at most 100 at once. A change that failed is told
 * again after a growing pause, alone, and later changes of its item wait behind it; those of others go on.
 */
export function changeFeed(deps: {
  sql: DatabaseSync;
  group: Group;
  letters: DeadLetters;
  log: Log;
  pauses?: typeof PAUSES;
}) {
  const { sql, group, letters, log, pauses = PAUSES } = deps;
  const after = sql.prepare(`SELECT id, tries FROM changes WHERE id > ? ORDER BY id LIMIT ${BATCH}`);
  const one = sql.prepare("SELECT id, tries FROM changes WHERE id = ?");
  const stateOf = sql.prepare(
    `SELECT coalesce(changes.body, items.body) FROM changes LEFT JOIN items USING (pk, sk) WHERE changes.id = ?`,
  );
  for (const statement of [after, one, stateOf]) statement.setReturnArrays(true);
  const remove = sql.prepare("DELETE FROM changes WHERE id = ?");
  const removeUpTo = sql.prepare("DELETE FROM changes WHERE id BETWEEN ? AND ?");
  const count = sql.prepare("UPDATE changes SET tries = ? WHERE id = ?");
  const held = new Map<string, Held>();
  const recent = new Map<number, Item>();
  const { sleep, wake } = sleeper();
  let position = 0;
  let caughtUp = false;
  let finished: number[] = [];
  let forgetting: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  const read = (row: unknown): Told => {
    const [id, tries] = row as [number, number];
    const item = recent.get(id) ?? (JSON.parse((stateOf.get(id) as unknown as [string])[0]) as Item);
    return { id, tries, item };
  };

  /** Also those of a commit that failed after all. */
  const forgetRecent = (): void => {
    for (const id of recent.keys()) {
      if (id > position) return;
      recent.delete(id);
    }
  };

  const dueAgain = (): Told[] => {
    const at = performance.now();
    for (const [name, { ids, tries, due }] of held) {
      if (due > at) continue;
      const row = one.get(ids[0] ?? 0);
      if (row) return [{ ...read(row), tries }];
      held.delete(name);
    }
    return [];
  };

  const fresh = (): Told[] => {
    const told = after.all(position).map(read);
    position = told.at(-1)?.id ?? position;
    caughtUp = told.length < BATCH;
    forgetRecent();
    if (held.size === 0) return told;
    return told.filter(({ id, item }) => {
      const waiting = held.get(nameOf(item));
      waiting?.ids.push(id);
      return waiting === undefined;
    });
  };

  const ended = ({ item }: Told): void => {
    if (held.size === 0) return;
    const name = nameOf(item);
    const waiting = held.get(name);
    if (!waiting) return;
    waiting.ids.shift();
    waiting.due = 0;
    waiting.tries = 0;
    if (waiting.ids.length === 0) held.delete(name);
  };

  const hold = (told: Told, tries: number): void => {
    const due =
      performance.now() + Math.min(pauses.longestMs, pauses.firstMs * 2 ** Math.min(Math.max(0, tries - 1), 20));
    const name = nameOf(told.item);
    const waiting = held.get(name);
    if (waiting === undefined) held.set(name, { ids: [told.id], tries, due });
    else if (waiting.ids[0] === told.id) Object.assign(waiting, { tries, due });
    else waiting.ids.push(told.id);
  };

  const setAside = async (told: Told, reason: string): Promise<void> => {
    await group(() => {
      letters.put({ id: told.id, source: "feed", reason, text: JSON.stringify(told.item) });
      remove.run(told.id);
    });
    ended(told);
  };

  /** `counts` is false when the store itself was away: that is no fault of the change. */
  const failed = async (told: Told, reason: string, counts: boolean): Promise<void> => {
    const tries = told.tries + (counts ? 1 : 0);
    if (tries >= TRIES)
      return insist(
        () => setAside(told, reason),
        () => stopped,
      );
    hold(told, tries);
    if (counts) void group.soon(() => count.run(tries, told.id)).catch(() => {});
  };

  const settle = async (batch: Told[], failedIds: Set<string>, reason: string, counts: boolean): Promise<void> => {
    const done: Told[] = [];
    for (const told of batch) {
      const behindFailed = held.size === 0 ? told.id : (held.get(nameOf(told.item))?.ids[0] ?? told.id);
      if (behindFailed !== told.id) hold(told, 0);
      else if (failedIds.has(String(told.id))) await failed(told, reason, counts);
      else done.push(told);
    }
    for (const told of done) ended(told);
    for (const { id } of done) finished.push(id);
    if (finished.length >= FORGET_AT_ONCE) forget();
    else forgetting ??= setTimeout(forget, FORGET_MS);
  };

  /** Told changes go in runs: a page that is emptied whole is never written. After a crash they are told once more. */
  const forget = (): void => {
    clearTimeout(forgetting);
    forgetting = undefined;
    const ids = finished.sort((a, b) => a - b);
    finished = [];
    if (ids.length === 0) return;
    void insist(
      () =>
        group.soon(() => {
          for (const [first, last] of runs(ids)) removeUpTo.run(first, last);
        }),
      () => stopped,
    );
  };

  const tell = async (handler: ChangeHandler, batch: Told[]): Promise<void> => {
    const changes: Change[] = batch.map(({ id, item }) => ({ id: String(id), item }));
    try {
      const answer = await handler(changes);
      await settle(batch, new Set(answer.failed), "the handler named it as failed", true);
    } catch (error) {
      const counts = !(error instanceof AppError && error.kind === "unavailable");
      log.warn("feed-handler-failed", { changes: batch.length, error: String(error) });
      await settle(batch, new Set(changes.map(({ id }) => id)), String(error), counts);
    }
  };

  const run = async (handler: ChangeHandler): Promise<void> => {
    while (!stopped) {
      try {
        const again = dueAgain();
        const batch = again.length > 0 ? again : fresh();
        if (batch.length > 0) await tell(handler, batch);
        if (batch.length === 0 || (caughtUp && held.size === 0))
          await sleep(Math.min(...[...held.values()].map(({ due }) => due - performance.now()), 60_000));
      } catch (error) {
        log.error("feed-stuck", { error: String(error) });
        await sleep(1_000);
      }
    }
  };

  return {
    wake,
    /** The item of a change that is about to be committed. */
    remember: (id: number, item: Item, characters: number): void => {
      if (recent.size < REMEMBERED && characters <= REMEMBERED_CHARACTERS) recent.set(id, item);
    },
    start: (handler: ChangeHandler): void => {
      running = run(handler);
    },
    /** Resolves when the handler's call in flight has ended. */
    stop: async (): Promise<void> => {
      stopped = true;
      wake();
      await running;
      forget();
    },
  };
}

function nameOf({ pk, sk }: Key): string {
  return JSON.stringify([pk, sk]);
}

/** Runs of neighbouring numbers, as [first, last]. */
function runs(sorted: number[]): [number, number][] {
  const found: [number, number][] = [];
  for (const id of sorted) {
    const last = found.at(-1);
    if (last && last[1] === id - 1) last[1] = id;
    else found.push([id, id]);
  }
  return found;
}
