import { type EndpointMark, marksBetween } from "#src/domain/subscriptions/store.ts";
import type { Table } from "#src/platform/table.ts";
import type { ChunkRef } from "./store.ts";

type Asked = { first: string; last: string; answer: Promise<Map<string, EndpointMark>> };

/** Marks of the endpoints from `first` to `last`; chunks of one window that ask in the same turn share one reading. */
export function marksReader(table: Table) {
  const asked = new Map<string, Asked>();
  return ({ announcementId, revision, window }: ChunkRef, first: string, last: string) => {
    const key = `${announcementId}#${revision}#${window}`;
    const waiting = asked.get(key);
    if (waiting) {
      if (first < waiting.first) waiting.first = first;
      if (last > waiting.last) waiting.last = last;
      return waiting.answer;
    }
    const answer = new Promise<void>((go) => setImmediate(go)).then(() => {
      asked.delete(key);
      return marksBetween(table, mine.first, mine.last);
    });
    const mine: Asked = { first, last, answer };
    asked.set(key, mine);
    return answer;
  };
}
