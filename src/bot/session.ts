import type { Wechaty } from "wechaty";
import type { Bucket } from "#src/platform/bucket.ts";

// The card is there once the bot is initialised, but wechaty's own interface leaves it out.
type WithMemory = {
  memory: {
    set(field: string, value: unknown): Promise<unknown>;
    delete(field: string): Promise<unknown>;
    entries(): AsyncIterable<[string, unknown]>;
    save(): Promise<void>;
  };
};

export type Session = {
  /** Whether there is a login that a start could go on with. */
  holds(): Promise<boolean>;
  save(): Promise<void>;
  /** Forgets the login, here and in the bucket; nothing is kept again before `keep`. */
  forget(): Promise<void>;
  /** Somebody has logged in: from here on it is kept. */
  keep(): void;
};

/** The login's cookies: a secret. They stay in the bucket, never in the working folder. */
export async function keepSession(bot: Wechaty, bucket: Bucket, name: string): Promise<Session> {
  const key = `bot/${name}.json`;
  await bot.init();
  const { memory } = bot as Wechaty & WithMemory;
  const stored = await bucket.get(key);
  for (const [field, value] of stored ? fieldsIn(stored.bytes) : []) await memory.set(field, value);
  let kept = true;
  const fields = async () => {
    const entries: Record<string, unknown> = {};
    for await (const [field, value] of memory.entries()) entries[field] = value;
    return entries;
  };
  memory.save = async () => {
    const entries = await fields();
    if (!kept || Object.keys(entries).length === 0) return;
    await bucket.put(key, { bytes: Buffer.from(JSON.stringify(entries), "utf8"), contentType: "application/json" });
  };
  return {
    holds: async () => Object.keys(await fields()).length > 0,
    save: () => memory.save(),
    async forget() {
      kept = false;
      // Field by field: the puppet holds a view of the same object, which clearing would replace.
      for (const field of Object.keys(await fields())) await memory.delete(field);
      await bucket.remove(key);
    },
    keep() {
      kept = true;
    },
  };
}

/** What cannot be read is no login: a new scan is better than a bot that never starts. */
function fieldsIn(bytes: Uint8Array): [string, unknown][] {
  try {
    return Object.entries(JSON.parse(Buffer.from(bytes).toString("utf8")) ?? {});
  } catch {
    return [];
  }
}
