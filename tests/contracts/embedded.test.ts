import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { QUEUES } from "#src/platform/queue.ts";
import { bucketContract } from "./bucket.suite.ts";
import { caseListContract } from "./case-list.suite.ts";
import { feedContract } from "./feed.suite.ts";
import { queueContract } from "./queue.suite.ts";
import { tableContract } from "./table.suite.ts";

for (const place of ["memory", "folder"]) {
  const open = () => {
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-"));
    let shift = 0;
    const platform = embeddedPlatform({
      data: place === "memory" ? ":memory:" : folder,
      now: () => new Date(Date.now() + shift * 1000),
      log: silentLog,
    });
    const close = async (): Promise<void> => {
      await platform.stop();
      rmSync(folder, { recursive: true });
    };
    const shiftClock = (seconds: number): void => {
      shift = seconds;
    };
    return { platform, close, shiftClock };
  };

  tableContract(`embedded, ${place}`, async () => {
    const { platform, close } = open();
    return { table: platform.table, close };
  });

  feedContract(`embedded, ${place}`, async () => {
    const { platform, close } = open();
    return { table: platform.table, feed: platform.feed, close };
  });

  queueContract(`embedded, ${place}`, { inTurn: true }, async () => {
    const { platform, close } = open();
    const queue = platform.queue("deliver-webhook");
    const deadLetters = async () => platform.deadLetters().map(({ body }) => body);
    return { queue, receives: QUEUES["deliver-webhook"].receives, deadLetters, close };
  });

  caseListContract(`embedded, ${place}`, async () => {
    const { platform, close } = open();
    return { table: platform.table, bucket: platform.bucket, close };
  });

  bucketContract(`embedded, ${place}`, async () => {
    const { platform, close, shiftClock } = open();
    const send = async (request: Request) =>
      (await platform.objectDoor(request)) ?? new Response(null, { status: 599 });
    return { bucket: platform.bucket, send, shiftClock, close };
  });
}
