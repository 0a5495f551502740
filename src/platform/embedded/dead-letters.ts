import type { DatabaseSync } from "node:sqlite";
import type { Log } from "#src/log.ts";

/** What was tried too often and lies aside until a person looks; `source` is a queue's name or "feed". */
export type DeadLetter = { id: number; source: string; at: string; reason: string; body: unknown };

export type DeadLetters = ReturnType<typeof deadLetters>;

/** `put` and `remove` are to be called inside the transaction that ends or begins the message itself. */
export function deadLetters(deps: { sql: DatabaseSync; now: () => Date; log: Log }) {
  const { sql, now, log } = deps;
  const insert = sql.prepare("INSERT INTO dead_letters (source, at, reason, body) VALUES (?, ?, ?, ?)");
  const all = sql.prepare("SELECT id, source, at, reason, body FROM dead_letters ORDER BY id");
  const one = sql.prepare("SELECT source, body FROM dead_letters WHERE id = ?");
  const remove = sql.prepare("DELETE FROM dead_letters WHERE id = ?");
  return {
    put: (letter: { id: number; source: string; reason: string; text: string }): void => {
      insert.run(letter.source, now().toISOString(), letter.reason, letter.text);
      log.error("dead-letter", { source: letter.source, id: letter.id, reason: letter.reason });
    },
    list: (): DeadLetter[] =>
      all.all().map((row) => ({
        id: Number(row["id"]),
        source: String(row["source"]),
        at: String(row["at"]),
        reason: String(row["reason"]),
        body: JSON.parse(String(row["body"])),
      })),
    take: (id: number): { source: string; text: string } | undefined => {
      const row = one.get(id);
      remove.run(id);
      return row && { source: String(row["source"]), text: String(row["body"]) };
    },
  };
}
