import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";

// Rows of 2 KB fill a page of 8 KB well, and keys stay in the narrow index (measured: ADR 0003).
const SETTINGS = `
  PRAGMA page_size = 8192;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA wal_autocheckpoint = 2000;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -16000;
  PRAGMA temp_store = MEMORY;
`;

// Raised with every change that an older release could not read.
const SCHEMA_VERSION = 2;

/**
 * A change refers to its item by key, and the item to its last change: before that state is overwritten or removed, by
 * whatever statement, a change that is not told yet gets a copy of it.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS items (
    id INTEGER PRIMARY KEY, pk TEXT NOT NULL, sk TEXT NOT NULL,
    version INTEGER, expires REAL, ipk TEXT, isk TEXT, change INTEGER, body TEXT NOT NULL, UNIQUE (pk, sk)) STRICT;
  CREATE INDEX IF NOT EXISTS items_index ON items (ipk, isk) WHERE ipk IS NOT NULL;
  CREATE INDEX IF NOT EXISTS items_expires ON items (expires) WHERE expires IS NOT NULL;
  CREATE TABLE IF NOT EXISTS changes (
    id INTEGER PRIMARY KEY, tries INTEGER NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT) STRICT;
  CREATE TRIGGER IF NOT EXISTS items_overwritten AFTER UPDATE ON items WHEN old.change IS NOT NULL BEGIN
    UPDATE changes SET body = old.body WHERE id = old.change AND body IS NULL;
  END;
  CREATE TRIGGER IF NOT EXISTS items_removed AFTER DELETE ON items WHEN old.change IS NOT NULL BEGIN
    UPDATE changes SET body = old.body WHERE id = old.change AND body IS NULL;
  END;
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY, queue TEXT NOT NULL, visible REAL NOT NULL, receives INTEGER NOT NULL,
    taken INTEGER NOT NULL, body TEXT NOT NULL, "group" TEXT NOT NULL DEFAULT '') STRICT;
  CREATE INDEX IF NOT EXISTS messages_of_group ON messages (queue, "group", visible);
  CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, file TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
`;

/** From the release before, where a change was a copy of its item and messages had no groups. */
const TO_VERSION_2 = `
  ALTER TABLE items ADD COLUMN change INTEGER;
  ALTER TABLE changes RENAME TO copies;
  CREATE TABLE changes (
    id INTEGER PRIMARY KEY, tries INTEGER NOT NULL, pk TEXT NOT NULL, sk TEXT NOT NULL, body TEXT) STRICT;
  INSERT INTO changes SELECT id, tries, body ->> 'pk', body ->> 'sk', body FROM copies;
  DROP TABLE copies;
  ALTER TABLE messages ADD COLUMN "group" TEXT NOT NULL DEFAULT '';
  DROP INDEX messages_visible;
`;

export type Database = { sql: DatabaseSync; close(): void };

/** Opens the file of the folder, or memory; a folder that another process has open is refused. */
export function openDatabase(data: string): Database {
  if (data === ":memory:") return opened(new DatabaseSync(":memory:"), () => {});
  mkdirSync(data, { recursive: true });
  const unlock = lock(data);
  try {
    const database = opened(new DatabaseSync(join(data, "gaoshi.db"), { timeout: 500 }), unlock);
    syncFolder(data);
    return database;
  } catch (error) {
    unlock();
    throw error;
  }
}

function opened(sql: DatabaseSync, unlock: () => void): Database {
  const version = Number(sql.prepare("PRAGMA user_version").get()?.["user_version"]);
  if (version > SCHEMA_VERSION) {
    sql.close();
    throw new AppError("conflict", "DATA_NEWER", {
      zh: "数据目录由更新的版本写成，请使用新版本打开",
      en: "a newer release wrote this data folder; open it with that one",
    });
  }
  sql.exec(SETTINGS);
  const steps = version === 1 ? TO_VERSION_2 : "";
  sql.exec(`BEGIN IMMEDIATE; ${steps} ${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  return {
    sql,
    close: () => {
      sql.close();
      unlock();
    },
  };
}

/** An open exclusive transaction on a file of its own: it ends with the process however that ends. */
function lock(data: string): () => void {
  const held = new DatabaseSync(join(data, "gaoshi.lock"));
  try {
    held.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
  } catch (cause) {
    held.close();
    throw new AppError(
      "unavailable",
      "DATA_IN_USE",
      { zh: `数据目录 ${data} 正被另一个进程使用`, en: `another process is using the data folder ${data}` },
      { cause },
    );
  }
  return () => held.close();
}

/** Makes names in a folder durable: a file is only there after a crash when its folder was synced. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
