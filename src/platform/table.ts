/**
 * The table: items under a partition key and a sort key, written conditionally and atomically, with one sparse
 * index and an ordered change feed. DynamoDB's model, which SQLite can hold just as well.
 */

export type Key = { pk: string; sk: string };

/**
 * A stored item. Values are JSON (no binary, no dates, no undefined); the whole item is under 400 KB (DynamoDB's limit).
 * Nobody changes an item that was handed to the table or came from it: the change feed may tell of the very same object.
 * The named members mean the same everywhere:
 * - `version`: counts up with every change of an object that is edited under a condition.
 * - `index`: the item also stands in the sparse index, under this key, whole. Index only small items.
 * - `feed`: a put of the item is told to the change feed's consumers; the word says what kind of change it is.
 * - `expiresAt`: seconds since 1970; from then on reads and conditions treat the item as absent, deletion follows later.
 */
export type Item = Key & {
  version?: number;
  index?: Key;
  feed?: string;
  expiresAt?: number;
  [name: string]: unknown;
};

export type Condition = { absent: true } | { present: true } | { version: number };

export type Write =
  | { put: Item; if?: Condition }
  | { remove: Key; if?: Condition }
  | { check: Key; if: Condition }
  /** Adds to numbers of an item, which is made if it is absent. Not idempotent: never in a step that may run twice. */
  | { add: Key; numbers: Record<string, number>; expiresAt?: number };

/** `failed`: positions of the writes whose condition did not hold. Nothing was written then. */
export type WriteResult = { ok: true } | { ok: false; failed: number[] };

export type Query = {
  pk: string;
  /** Only sort keys that start so. */
  prefix?: string;
  /** Only sort keys >= this. */
  from?: string;
  /** Only sort keys < this. */
  to?: string;
  /** Continue behind this sort key (in the direction of reading). For an index query: the `next` of the page before. */
  after?: string;
  reverse?: boolean;
  /** At most so many items, 1 to 1,000; a page may be shorter although more follows: only `next` tells. */
  limit?: number;
  /** True: sees every write acknowledged before (twice the price on AWS). Default false. The index never is. */
  fresh?: boolean;
};

export type Page = { items: Item[]; next?: string };

export type Table = {
  /** Sees every write acknowledged before. */
  get(key: Key): Promise<Item | undefined>;
  /** In the order of the keys, any number of them, duplicates allowed. Sees every write acknowledged before. */
  getMany(keys: Key[]): Promise<(Item | undefined)[]>;
  query(query: Query): Promise<Page>;
  /** The same over the sparse index: `pk`, `from`, `to`, `prefix` speak of `index.pk` and `index.sk`. Lags on AWS. */
  queryIndex(query: Query): Promise<Page>;
  /**
   * All or nothing, 1 to 100 writes, each key at most once, durable when it returns.
   * Throws AppError "unavailable" when the store cannot answer; then nothing is known of the effect.
   * `patient`: nobody waits for it, so it may take some 20 ms longer where that lets several share one sync.
   */
  write(writes: Write[], options?: { patient?: boolean }): Promise<WriteResult>;
  /** Any number of unconditional puts, each whole, not all together, in no order. Repeats what the store did not take. `patient`: as above. */
  putAll(items: Item[], options?: { patient?: boolean }): Promise<void>;
};

/** A verb stores its result through `commit`, so that a door can add a write of its own (an idempotency answer). */
export type Commit<Result> = (writes: Write[], result: Result) => Promise<WriteResult>;

/** One put of an item with `feed`, in order per item, told at least once. `item` is the state right after that put. */
export type Change = { id: string; item: Item };

/** Answers the ids of the changes to tell again. An exception means: all of them. */
export type ChangeHandler = (changes: Change[]) => Promise<{ failed: string[] }>;
