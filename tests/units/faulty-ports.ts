import type { Channel, ChannelName } from "#src/domain/deliveries/channel.ts";
import { AppError } from "#src/errors.ts";
import type { Table } from "#src/platform/table.ts";
import type { Ports, World } from "./push-world.ts";

export const MODES = ["fails before", "fails after", "dies before", "dies after"] as const;
export type Mode = (typeof MODES)[number];

const never = new Promise<never>(() => {});

/** Ports that go wrong at their n-th call; of a process that died, nothing moves any more. */
export function faulty(n: number, mode: Mode) {
  let calls = 0;
  let hit = false;
  let tell: () => void = () => {};
  let death = new Promise<"died">(() => {});
  const wrap = (ports: Ports): Ports => {
    let dead = false;
    death = new Promise((resolve) => {
      tell = () => resolve("died");
    });
    const call = async <Value>(work: () => Promise<Value>): Promise<Value> => {
      if (dead) return never;
      if (++calls !== n) return work().then((value) => (dead ? never : value));
      hit = true;
      if (mode.endsWith("after")) await work();
      if (mode.startsWith("dies")) {
        dead = true;
        tell();
        return never;
      }
      throw new AppError("unavailable", "FAULT", { zh: "故障", en: "a planned fault" });
    };
    const { table, queue, channels } = ports;
    const mortal = (channel: Channel): Channel => ({
      ...channel,
      push: (rendered, push) => (dead ? never : channel.push(rendered, push)),
    });
    return {
      table: {
        get: (key) => call(() => table.get(key)),
        getMany: (keys) => call(() => table.getMany(keys)),
        query: (query) => call(() => table.query(query)),
        queryIndex: (query) => call(() => table.queryIndex(query)),
        write: (writes) => call(() => table.write(writes)),
        putAll: (items) => call(() => table.putAll(items)),
      },
      queue: (name) => {
        const inner = queue(name);
        return { ...inner, send: (messages) => call(() => inner.send(messages)) };
      },
      channels: Object.fromEntries(
        (Object.keys(channels) as ChannelName[]).map((name) => [name, mortal(channels[name])]),
      ) as Record<ChannelName, Channel>,
    };
  };
  return {
    wrap,
    hit: () => hit,
    death: () => death,
  };
}

type Fault = ReturnType<typeof faulty>;

/**
 * Does one step after the other until each has succeeded, as the feed and the queues tell it again: a process that died is started
 * anew, and so many seconds pass before the next try. `afterEach`: what is looked at after every try.
 */
export function persistently(
  world: Pick<World, "restart" | "pass">,
  fault: Fault,
  { seconds = 31, afterEach = async () => {} }: { seconds?: number; afterEach?: () => Promise<unknown> } = {},
) {
  return async (step: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      const tried = step().then(
        () => "done",
        () => "failed",
      );
      const end = await Promise.race([tried, fault.death()]);
      await afterEach();
      if (end === "died") world.restart();
      if (end === "done") return;
      world.pass(seconds);
    }
  };
}

/**
 * Tells a story with the fault at its first call, at its second and so on, eight of them at a time, until one has no such call;
 * answers how many were told. A story answers whether its fault was met.
 */
export async function atEveryCall(story: (n: number) => Promise<boolean>): Promise<number> {
  for (let told = 0; ; ) {
    const met = await Promise.all(Array.from({ length: 8 }, () => story(++told)));
    if (!met.every(Boolean)) return told;
  }
}

/** Ports whose index shows a write late: each question is answered as it would have been when it was asked the last time. */
export function lagging({ table, ...ports }: Ports): Ports {
  const known = new Map<string, Awaited<ReturnType<Table["queryIndex"]>>>();
  const queryIndex: Table["queryIndex"] = async (query) => {
    const { to: _, ...question } = query; // the time moves on, the question is the same
    const name = JSON.stringify(question);
    const late = known.get(name) ?? { items: [] };
    known.set(name, await table.queryIndex(query));
    return late;
  };
  return { ...ports, table: { ...table, queryIndex } };
}
