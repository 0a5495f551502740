import type { DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";

/**
 * Runs `work` inside the transaction of this turn of the event loop; resolves after its COMMIT was synced.
 * `work` is synchronous, may run a second time after a rollback, and undoes its own writes when it refuses.
 */
export type Group = {
  <Result>(work: () => Result): Promise<Result>;
  /** The same without a transaction of its own: rides along with the next one, or starts one after 20 ms. */
  soon<Result>(work: () => Result): Promise<Result>;
  /** Commits what is waiting, then refuses everything further. */
  close(): void;
};

type Waiting = {
  work: () => unknown;
  result: unknown;
  resolve: (result: never) => void;
  reject: (reason: unknown) => void;
};

/** One fsync for all writes of a turn of the event loop, or of two when there are several. */
export function groupCommit(sql: DatabaseSync): Group {
  const begin = sql.prepare("BEGIN IMMEDIATE");
  const commit = sql.prepare("COMMIT");
  let waiting: Waiting[] = [];
  let closed = false;
  let immediate: NodeJS.Immediate | undefined;
  let timer: NodeJS.Timeout | undefined;

  const together = (group: Waiting[]): void => {
    begin.run();
    try {
      for (const entry of group) entry.result = entry.work();
      commit.run();
    } catch (error) {
      if (sql.isTransaction) sql.exec("ROLLBACK");
      throw error;
    }
  };

  const flush = (): void => {
    clearTimeout(timer);
    clearImmediate(immediate);
    timer = undefined;
    immediate = undefined;
    const group = waiting;
    waiting = [];
    if (group.length === 0) return;
    try {
      together(group);
    } catch (error) {
      // A statement that only one of them got wrong must not hurt the others; a sick disk hurts all of them alike.
      if (group.length > 1 && !fromDisk(error)) {
        for (const entry of group) alone(entry);
        return;
      }
      for (const entry of group) entry.reject(unavailable(error));
      return;
    }
    for (const entry of group) entry.resolve(entry.result as never);
  };

  const alone = (entry: Waiting): void => {
    try {
      together([entry]);
      entry.resolve(entry.result as never);
    } catch (error) {
      entry.reject(unavailable(error));
    }
  };

  const add = <Result>(work: () => Result, schedule: () => void): Promise<Result> => {
    if (closed) return Promise.reject(unavailable(new Error("closed")));
    return new Promise<Result>((resolve, reject) => {
      waiting.push({ work, result: undefined, resolve, reject });
      schedule();
    });
  };
  // Who is not alone waits one turn more: those who are on the way share the sync, which costs more than the turn.
  const gather = (): void => {
    if (waiting.length > 1) immediate = setImmediate(flush);
    else flush();
  };
  const now = (): void => {
    if (immediate === undefined) immediate = setImmediate(gather);
  };
  const later = (): void => {
    if (immediate === undefined && timer === undefined) timer = setTimeout(flush, 20);
  };
  const group = <Result>(work: () => Result): Promise<Result> => add(work, now);
  return Object.assign(group, {
    soon: <Result>(work: () => Result): Promise<Result> => add(work, later),
    close: () => {
      flush();
      closed = true;
    },
  });
}

const DISK = new Set([5, 6, 8, 10, 11, 13, 14]); // busy, locked, read-only, I/O, corrupt, full, cannot open

function fromDisk(error: unknown): boolean {
  return error instanceof Error && "errcode" in error && DISK.has(Number(error.errcode) & 0xff);
}

export function unavailable(cause: unknown): AppError {
  return cause instanceof AppError
    ? cause
    : new AppError(
        "unavailable",
        "STORE_UNAVAILABLE",
        { zh: "存储暂时不可用，请稍后再试", en: "the store cannot answer now, try again later" },
        { retryAfterSeconds: 5, cause },
      );
}

/** Reads; what the file refuses becomes "unavailable", refusals of ours stay what they are. */
export async function answered<Result>(read: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    throw unavailable(error);
  }
}
