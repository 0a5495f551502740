import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { tableContract } from "./table.suite.ts";

const now = (): Date => new Date();

for (const place of ["memory", "folder"]) {
  const open = () => {
    const folder = mkdtempSync(join(tmpdir(), "gaoshi-"));
    const data = place === "memory" ? ":memory:" : folder;
    const platform = embeddedPlatform({ data, now, log: silentLog });
    const close = async (): Promise<void> => {
      await platform.stop();
      rmSync(folder, { recursive: true });
    };
    return { platform, close };
  };
  tableContract(`embedded, ${place}`, async () => {
    const { platform, close } = open();
    return { table: platform.table, close };
  });
}
