import type { DatabaseSync } from "node:sqlite";
import { checkKey, checkTogether, checkWrites, itemText, LIMITS } from "#src/platform/limits.ts";
import type { Condition, Item, Table, Write, WriteResult } from "#src/platform/table.ts";
import { answered, type Group } from "./group.ts";
import { pages } from "./pages.ts";
import { rows } from "./rows.ts";

type Step = { holds: () => boolean; conditional: boolean };

export type LocalTable = Table & {
  /** Records a change anew, inside a transaction. */
  restore(text: string): void;
};

/** What a recorded change is told to: `remember` with its item, so long as JSON, before the commit; `wake` after it. */
export type ChangeListener = { remember(id: number, item: Item, characters: number): void; wake(): void };

export function sqliteTable(deps: {
  sql: DatabaseSync;
  group: Group;
  now: () => Date;
  nextChangeId: () => number;
  feed: ChangeListener;
}): LocalTable {
  const { sql, group, now, nextChangeId, feed } = deps;
  const store = rows(sql);
  const savepoint = sql.prepare("SAVEPOINT write");
  const release = sql.prepare("RELEASE write");
  const { query, queryIndex } = pages(sql, now);
  const seconds = (): number => now().getTime() / 1000;

  const put = (item: Item, text: string, condition: Condition | undefined): boolean => {
    if (item.feed === undefined) return store.put(item, text, condition, seconds());
    const change = nextChangeId();
    const done = store.put(item, text, condition, seconds(), change);
    if (done) feed.remember(change, item, text.length);
    return done;
  };

  const step = (write: Write, texts: string[]): Step => {
    if ("put" in write) {
      const text = itemText(write.put);
      texts.push(text);
      return { holds: () => put(write.put, text, write.if), conditional: write.if !== undefined };
    }
    if ("remove" in write) {
      checkKey(write.remove);
      return {
        holds: () => store.remove(write.remove, write.if, seconds()),
        conditional: write.if !== undefined,
      };
    }
    if ("check" in write) {
      checkKey(write.check);
      return { holds: () => store.check(write.check, write.if, seconds()), conditional: true };
    }
    checkKey(write.add);
    return {
      holds: () => store.add(write.add, write.numbers, write.expiresAt, seconds()),
      conditional: false,
    };
  };

  /** Nothing can refuse after the one conditional step, so it goes first and needs no way back. */
  const applyInOrder = (steps: Step[]): WriteResult => {
    const first = steps.findIndex(({ conditional }) => conditional);
    if (first >= 0 && !steps[first]?.holds()) return { ok: false, failed: [first] };
    for (const [position, { holds }] of steps.entries()) if (position !== first) holds();
    return { ok: true };
  };

  const applyWithWayBack = (steps: Step[]): WriteResult => {
    savepoint.run();
    const failed = steps.flatMap(({ holds }, position) => (holds() ? [] : [position]));
    if (failed.length > 0) sql.exec("ROLLBACK TO write");
    release.run();
    return failed.length === 0 ? { ok: true } : { ok: false, failed };
  };

  return {
    restore: (text) => {
      store.restore(nextChangeId(), text);
      feed.wake();
    },
    get: (key) => answered(() => store.get(key, seconds())),
    getMany: (keys) => answered(() => store.getMany(keys, seconds())),
    query: (input) => answered(() => query(input)),
    queryIndex: (input) => answered(() => queryIndex(input)),
    write: async (writes, { patient = false } = {}) => {
      checkWrites(writes);
      const texts: string[] = [];
      const steps = writes.map((write) => step(write, texts));
      checkTogether(texts);
      const conditions = steps.filter(({ conditional }) => conditional).length;
      const apply = conditions > 1 ? applyWithWayBack : applyInOrder;
      const result = await (patient ? group.soon : group)(() => apply(steps));
      if (result.ok && writes.some((write) => "put" in write && write.put.feed !== undefined)) feed.wake();
      return result;
    },
    putAll: async (items, { patient = false } = {}) => {
      const texts = items.map(itemText);
      for (let from = 0; from < items.length; from += LIMITS.writes) {
        const part = items.slice(from, from + LIMITS.writes);
        await (patient ? group.soon : group)(() => {
          for (const [i, item] of part.entries()) put(item, texts[from + i] ?? "", undefined);
        });
        if (part.some(({ feed }) => feed !== undefined)) feed.wake();
      }
    },
  };
}
