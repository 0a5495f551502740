import type { Wechaty } from "wechaty";
import type { Bucket } from "#src/platform/bucket.ts";

// The card is there once the bot is initialised, but wechaty's own interface leaves it out.
type WithMemory = {
  memory: {
    set(field: string, value: unknown): Promise<unknown>;
    entries(): AsyncIterable<[string, unknown]>;
    save(): Promise<void>;
  };
};

/** The login's cookies: a secret. They stay in the bucket, never in the working folder. */
export async function keepSession(bot: Wechaty, bucket: Bucket, name: string): Promise<{ forget(): Promise<void> }> {
  const key = `bot/${name}.json`;
  await bot.init();
  const { memory } = bot as Wechaty & WithMemory;
  const stored = await bucket.get(key);
  if (stored !== undefined) {
    const entries: unknown = JSON.parse(Buffer.from(stored.bytes).toString("utf8"));
    for (const [field, value] of Object.entries(entries ?? {})) await memory.set(field, value);
  }
  let kept = true;
  memory.save = async () => {
    if (!kept) return;
    const entries: Record<string, unknown> = {};
    for await (const [field, value] of memory.entries()) entries[field] = value;
    const bytes = Buffer.from(JSON.stringify(entries), "utf8");
    await bucket.put(key, { bytes, contentType: "application/json" });
  };
  return {
    async forget() {
      kept = false;
      await bucket.remove(key);
    },
  };
}
