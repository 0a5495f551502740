import { cp, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";
import { syncFolder } from "./database.ts";

/**
 * Copies database and objects into an empty folder while the service runs; the copy opens like any data folder. The
 * database goes first: an object removed meanwhile is absent in the copy, none that the copy names was never there.
 */
export async function backupTo(folder: string, data: string): Promise<void> {
  if (data === ":memory:") {
    throw new AppError("conflict", "NOTHING_KEPT", {
      zh: "数据只在内存中，无法备份",
      en: "the data are in memory only and cannot be backed up",
    });
  }
  await mkdir(join(folder, "objects"), { recursive: true });
  await copyDatabase(join(data, "gaoshi.db"), join(folder, "gaoshi.db.unfinished"));
  await cp(join(data, "objects"), join(folder, "objects"), {
    recursive: true,
    filter: (path) => !path.includes("~unfinished"),
  });
  await rename(join(folder, "gaoshi.db.unfinished"), join(folder, "gaoshi.db"));
  syncFolder(folder);
}

/** All pages in one step: one reading transaction beside the writer, which need not wait. */
async function copyDatabase(from: string, to: string): Promise<void> {
  const reader = new DatabaseSync(from, { readOnly: true });
  try {
    await backup(reader, to, { rate: 2 ** 30 });
  } finally {
    reader.close();
  }
}
