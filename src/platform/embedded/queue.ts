import type { DatabaseSync } from "node:sqlite";
import { LIMITS, messageText } from "#src/platform/limits.ts";
import { type Message, QUEUES, type Queue, type QueueName } from "#src/platform/queue.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { answered, type Group } from "./group.ts";
import { lanes, type Taken } from "./lanes.ts";
import { risingIds } from "./rows.ts";

/** `take` is `receive` without waiting; `onArrival` is called when messages may have become visible. */
export type LocalQueue = Queue & {
  take(max: number, visibleAfterSeconds: number): Message[];
  onArrival(listener: () => void): () => void;
  /** Sends a message anew, inside a transaction. */
  restore(text: string): void;
};

// How long a message that became due by the clock may lie before somebody looks.
export const LOOK_MS = 100;

/**
 * A queue in a table. Who has taken what is known in memory (there is one process); the file only learns it along
 * with the next commit, so taking a message costs no sync, and after a crash it is simply visible again. All its times are of the
 * clock that nobody sets, which begins anew with every process.
 */
export function localQueue(
  deps: { sql: DatabaseSync; group: Group; letters: DeadLetters; steady: () => number; newMessageId: () => number },
  name: QueueName,
): LocalQueue {
  const { sql, group: commit, letters, steady, newMessageId } = deps;
  const insert = sql.prepare(
    `INSERT INTO messages (id, queue, visible, receives, taken, body, "group") VALUES (?, ?, ?, 0, 0, ?, ?)`,
  );
  const content = sql.prepare("SELECT receives, body FROM messages WHERE id = ? AND visible <= ?");
  const take = sql.prepare("UPDATE messages SET visible = ?, receives = ?, taken = 1 WHERE id = ?");
  const show = sql.prepare("UPDATE messages SET visible = ?, receives = ?, taken = 0 WHERE id = ?");
  const remove = sql.prepare("DELETE FROM messages WHERE id = ?");
  const taken = new Map<number, Taken>();
  const waiting = lanes(sql, name, taken);
  const listeners = new Set<() => void>();
  const arrive = (): void => {
    for (const listener of listeners) listener();
  };

  const letGo = (id: number): void => {
    const group = taken.get(id)?.group;
    taken.delete(id);
    if (group !== undefined) waiting.expect(group, 0); // if it has not ended after all
  };

  const bury = (id: number, group: string, text: string, receives: number): void => {
    taken.set(id, { group, receives, until: Number.POSITIVE_INFINITY });
    void commit(() => {
      letters.put({ id, source: name, reason: `received ${receives} times`, text });
      remove.run(id);
    })
      .catch(() => {})
      .finally(() => letGo(id));
  };

  const hold = (id: number, group: string, receives: number, until: number): void => {
    taken.set(id, { group, receives, until });
    void commit
      .soon(() => {
        if (taken.get(id)?.receives === receives) take.run(until, receives, id);
      })
      .catch(() => {});
  };

  const takeNow = (max: number, visibleAfterSeconds: number): Message[] => {
    const at = steady();
    const messages: Message[] = [];
    while (messages.length < max) {
      const found = waiting.next(at);
      if (found === undefined) break;
      const { id, group } = found;
      const row = content.get(id, at);
      const earlier = taken.get(id);
      if (row === undefined || (earlier && earlier.until > at)) continue;
      const received = Math.max(Number(row["receives"]), earlier?.receives ?? 0);
      const text = String(row["body"]);
      if (received >= QUEUES[name].receives) {
        bury(id, group, text, received);
        continue;
      }
      const receives = received + 1;
      hold(id, group, receives, at + visibleAfterSeconds * 1000);
      messages.push({ id: String(id), receipt: `${id}.${receives}`, body: JSON.parse(text), receives });
    }
    return messages;
  };

  /** The id that a receipt of now names; undefined when the message was taken again since, or has ended. */
  const current = (receipt: string): number | undefined => {
    const [id = "", receives] = receipt.split(".");
    return taken.get(Number(id))?.receives === Number(receives) ? Number(id) : undefined;
  };

  return {
    take: takeNow,
    onArrival: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send: async (messages) => {
      const at = steady();
      const rows = messages.map((message) => ({
        id: newMessageId(),
        visible: at + (message.delaySeconds ?? 0) * 1000,
        text: messageText(message),
        group: message.group ?? "",
      }));
      if (rows.length === 0) return;
      // Nobody takes what comes later any sooner for a sync of its own.
      const later = rows.every(({ visible }) => visible > at);
      await (later ? commit.soon : commit)(() => {
        for (const { id, visible, text, group } of rows) {
          insert.run(id, name, visible, text, group);
          waiting.expect(group, visible);
        }
      });
      arrive();
    },
    receive: async ({ max, waitSeconds, visibleAfterSeconds }) => {
      const end = performance.now() + waitSeconds * 1000;
      for (;;) {
        const messages = await answered(() => takeNow(max, visibleAfterSeconds));
        const left = end - performance.now();
        if (messages.length > 0 || left <= 0) return messages;
        await arrival(listeners, Math.min(LOOK_MS, left));
      }
    },
    done: async (receipts) => {
      const ids = receipts.map(current).filter((id) => id !== undefined);
      if (ids.length === 0) return;
      for (const id of ids) Object.assign(taken.get(id) ?? {}, { until: Number.POSITIVE_INFINITY });
      const ended = commit.soon(() => {
        for (const id of ids) remove.run(id);
      });
      await ended.finally(() => {
        for (const id of ids) letGo(id);
      });
    },
    postpone: async (receipt, seconds) => {
      const id = current(receipt);
      if (id === undefined) return;
      const { receives = 0, group = "" } = taken.get(id) ?? {};
      const until = steady() + seconds * 1000;
      await commit(() => show.run(until, receives, id));
      if (taken.get(id)?.receives === receives) taken.delete(id);
      waiting.expect(group, until);
      arrive();
    },
    restore: (text) => {
      insert.run(newMessageId(), name, 0, text, "");
      waiting.expect("", 0);
    },
  };
}

function arrival(listeners: Set<() => void>, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      listeners.delete(end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    listeners.add(end);
  });
}

/**
 * At the start nobody holds a message: what an earlier process had in flight is visible at once. A message's number says when it was
 * sent (microseconds since 1970): what was sent in time to come bears the stamps of a clock that was ahead, and what is delayed for
 * longer than is possible, too. Answers what numbers the next ones.
 */
export function messagesAtStart(sql: DatabaseSync, steady: () => number): () => number {
  const at = steady();
  sql.exec("UPDATE messages SET visible = 0, taken = 0 WHERE taken = 1");
  sql
    .prepare("UPDATE messages SET visible = max(?1, visible - id / 1000 + ?1) WHERE id > ?1 * 1000 AND visible > ?1")
    .run(at);
  sql.prepare("UPDATE messages SET visible = ?1 WHERE visible > ?1 + ?2").run(at, LIMITS.delaySeconds * 1000);
  return risingIds(sql, "messages", steady, true);
}
