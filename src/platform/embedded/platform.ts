import { join } from "node:path";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import { type Clock, steadyTime } from "#src/platform/clock.ts";
import { type MessageHandler, QUEUES, type Queue, type QueueName } from "#src/platform/queue.ts";
import type { ChangeHandler, Table } from "#src/platform/table.ts";
import { backupTo } from "./backup.ts";
import { folderBlobs, memoryBlobs } from "./blobs.ts";
import { localBucket } from "./bucket.ts";
import { type Consumer, consumer } from "./consumer.ts";
import { openDatabase } from "./database.ts";
import { type DeadLetter, deadLetters } from "./dead-letters.ts";
import { changeFeed } from "./feed.ts";
import { groupCommit } from "./group.ts";
import { linkSecret, signedLinks } from "./links.ts";
import { objectDoor } from "./object-door.ts";
import { localQueue, messagesAtStart } from "./queue.ts";
import { risingIds } from "./rows.ts";
import { schedule } from "./schedule.ts";
import { sweepExpired } from "./sweep.ts";
import { sqliteTable } from "./table.ts";

export type EmbeddedPlatform = {
  /** See `Clock`: the clock of this process by which leases and waits are measured. */
  steady: () => number;
  table: Table;
  bucket: Bucket;
  queue: (name: QueueName) => Queue;
  /** Starts the change feed's single consumer. */
  feed(handler: ChangeHandler): void;
  /** Starts taking messages: up to `concurrency` handler calls at once, each with one message. */
  consume(name: QueueName, handler: MessageHandler, options: { concurrency: number }): void;
  /** Runs `task` every so many seconds, never twice at once. */
  every(seconds: number, task: () => Promise<void>): void;
  /** Answers signed object links (/objects/…): uploads and downloads; undefined when the request is for another door. */
  objectDoor(request: Request): Promise<Response | undefined>;
  /** What was tried too often, oldest first. */
  deadLetters(): DeadLetter[];
  /** Puts a dead letter back to where it came from; false when there is none of this id. */
  revive(id: number): Promise<boolean>;
  /** Copies everything into an empty folder while the service runs; the copy is a data folder like this one. */
  backup(folder: string): Promise<void>;
  /** No new work; waits for handlers in flight at most `graceSeconds` (10); closes the database. The rest is visible at the next start. */
  stop(graceSeconds?: number): Promise<void>;
};

/**
 * Everything in one process on one folder; `:memory:` keeps nothing. Throws AppError "unavailable" (DATA_IN_USE)
 * when another process has the folder. `baseUrl` begins signed links; a function when it is known only later.
 */
export function embeddedPlatform(
  options: Clock & {
    data: string;
    log: Log;
    baseUrl?: string | (() => string);
  },
): EmbeddedPlatform {
  const { data, now, log, baseUrl = "http://127.0.0.1:8787" } = options;
  const steady = () => steadyTime(options);
  const { sql, close } = openDatabase(data);
  const group = groupCommit(sql);
  const letters = deadLetters({ sql, now, log });
  const nextChangeId = risingIds(sql, "changes", steady);
  const newMessageId = messagesAtStart(sql, steady);
  const changes = changeFeed({ sql, group, letters, log });
  const table = sqliteTable({ sql, group, now, nextChangeId, feed: changes });
  const queues = new Map(
    (Object.keys(QUEUES) as QueueName[]).map((name) => [
      name,
      localQueue({ sql, group, letters, steady, newMessageId }, name),
    ]),
  );
  const queue = (name: QueueName) => {
    const found = queues.get(name);
    if (!found) throw new AppError("not-found", "QUEUE", { zh: `没有队列 ${name}`, en: `there is no queue ${name}` });
    return found;
  };
  const links = signedLinks({
    secret: linkSecret(sql),
    now,
    baseUrl: typeof baseUrl === "string" ? () => baseUrl : baseUrl,
  });
  const blobs = data === ":memory:" ? memoryBlobs() : folderBlobs(join(data, "objects"));
  const bucket = localBucket({ sql, group, blobs, links });
  const consumers: Consumer[] = [];
  const tasks = schedule(log);
  tasks.every(60, () => sweepExpired({ sql, group, now, steady }));
  let stopping: Promise<void> | undefined;

  const stop = async (graceSeconds: number): Promise<void> => {
    const ended = Promise.all([changes.stop(), tasks.stop(), ...consumers.map((one) => one.stop())]);
    await atMost(graceSeconds * 1000, ended);
    group.close();
    close();
  };

  return {
    steady,
    table,
    bucket,
    queue,
    feed: changes.start,
    consume: (name, handler, { concurrency }) => {
      consumers.push(consumer({ queue: queue(name), name, handler, concurrency, log }));
    },
    every: tasks.every,
    objectDoor: objectDoor({ bucket, links, now }),
    deadLetters: letters.list,
    revive: async (id) => {
      const source = await group(() => {
        const letter = letters.take(id);
        if (letter?.source === "feed") table.restore(letter.text);
        else if (letter) queue(letter.source as QueueName).restore(letter.text);
        return letter?.source;
      });
      return source !== undefined;
    },
    backup: (folder) => backupTo(folder, data),
    stop: (graceSeconds = 10) => {
      stopping ??= stop(graceSeconds);
      return stopping;
    },
  };
}

async function atMost(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
