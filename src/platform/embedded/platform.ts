import type { Log } from "#src/log.ts";
import type { Table } from "#src/platform/table.ts";
import { openDatabase } from "./database.ts";
import { groupCommit } from "./group.ts";
import { sqliteTable } from "./table.ts";

export type EmbeddedPlatform = { table: Table; stop(graceSeconds?: number): Promise<void> };

export function embeddedPlatform(options: {
  data: string;
  now: () => Date;
  log: Log;
  baseUrl?: string;
}): EmbeddedPlatform {
  const { sql, close } = openDatabase(options.data);
  const group = groupCommit(sql);
  const table = sqliteTable({ sql, group, now: options.now, onFeed: () => {} });
  return {
    table,
    stop: async () => {
      group.close();
      close();
    },
  };
}
