/** A data file as the release before wrote it, where the feed held copies and messages had no groups. */
export const VERSION_1 = `
  PRAGMA journal_mode = WAL;
  PRAGMA user_version = 1;
  CREATE TABLE items (
    id INTEGER PRIMARY KEY, pk TEXT NOT NULL, sk TEXT NOT NULL,
    version INTEGER, expires REAL, ipk TEXT, isk TEXT, body TEXT NOT NULL, UNIQUE (pk, sk)) STRICT;
  CREATE INDEX items_index ON items (ipk, isk) WHERE ipk IS NOT NULL;
  CREATE INDEX items_expires ON items (expires) WHERE expires IS NOT NULL;
  CREATE TABLE changes (id INTEGER PRIMARY KEY, tries INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, queue TEXT NOT NULL, visible REAL NOT NULL, receives INTEGER NOT NULL,
    taken INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE INDEX messages_visible ON messages (queue, visible);
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, at TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE objects (
    key TEXT PRIMARY KEY, file TEXT NOT NULL, type TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT;
  CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;

  INSERT INTO items (pk, sk, version, body)
    VALUES ('甲%23', 'a', 2, '{"pk":"甲%23","sk":"a","n":2,"version":2,"feed":"test"}');
  INSERT INTO changes VALUES (1, 0, '{"pk":"甲%23","sk":"a","n":1,"version":1,"feed":"test"}');
  INSERT INTO changes VALUES (2, 3, '{"pk":"甲%23","sk":"a","n":2,"version":2,"feed":"test"}');
  INSERT INTO messages VALUES (7, 'fanout', 0, 1, 1, '{"n":5}');
`;
