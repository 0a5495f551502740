import type { Channel, ChannelName, Outcome } from "#src/domain/deliveries/channel.ts";
import type { Write } from "#src/platform/table.ts";
import type { Ports } from "./push-world.ts";

/** A process of the house: when it dies, nothing of it moves any more, and another takes its name. */
export type Process = { name: string; dead: boolean; tasks: Set<string> };

/** A port call that waits to be let through, and the process that made it. */
export type Pending = {
  process: Process;
  what: string;
  /** Since when it waits, milliseconds since 1970. */
  since: number;
  go: () => void;
  /** Its effect happens, but nobody is left to hear of it. */
  goAndDie: () => void;
};

const never = new Promise<never>(() => {});

/** Everything that a process asks of its ports stops here until the test lets it go on: that decides every interleaving. */
export function makeScheduler(now: () => Date) {
  let pending: Pending[] = [];
  const kill = (process: Process): void => {
    process.dead = true;
    pending = pending.filter((one) => one.process !== process);
  };
  const call = <Value>(process: Process, what: string, work: () => Promise<Value>): Promise<Value> => {
    if (process.dead) return never;
    return new Promise<Value>((resolve, reject) => {
      const leave = () => {
        pending = pending.filter((one) => one !== entry);
      };
      const entry: Pending = {
        process,
        what,
        since: now().getTime(),
        go: () => {
          leave();
          work().then(
            (value) => process.dead || resolve(value),
            (error) => process.dead || reject(error),
          );
        },
        goAndDie: () => {
          kill(process);
          void work().catch(() => undefined);
        },
      };
      pending.push(entry);
    });
  };
  /** The ports as this process sees them. */
  const portsOf = (process: Process, { table, queue, channels }: Ports): Ports => ({
    table: {
      get: (key) => call(process, `get ${key.sk}`, () => table.get(key)),
      getMany: (keys) => call(process, `getMany ${keys.length}`, () => table.getMany(keys)),
      query: (query) => call(process, `query ${query.pk.slice(0, 14)}`, () => table.query(query)),
      queryIndex: (query) => call(process, `index ${query.pk}`, () => table.queryIndex(query)),
      write: (writes) => call(process, `write ${writes.map(written).join(" ")}`, () => table.write(writes)),
      putAll: (items) => call(process, `putAll ${items.map(({ sk }) => sk).join(" ")}`, () => table.putAll(items)),
    },
    queue: (name) => {
      const inner = queue(name);
      return { ...inner, send: (messages) => call(process, `send ${name}`, () => inner.send(messages)) };
    },
    channels: Object.fromEntries(
      (Object.keys(channels) as ChannelName[]).map((name) => [name, mortal(process, channels[name])]),
    ) as Record<ChannelName, Channel>,
  });
  /** A push stops twice: before its bytes leave, and before the answer comes back. Either may be too late. */
  const mortal = (process: Process, channel: Channel): Channel => ({
    ...channel,
    push: async (rendered, push) => {
      const label = `${channel.name} ${push.deliveryId.slice(31)} ${push.target.address}`;
      const startedAt = now().getTime();
      const late = () => now().getTime() - startedAt > channel.limits.seconds.total * 1000;
      const outcome = await call(process, `push ${label}`, async (): Promise<Outcome> => {
        return late() ? { kind: "retry", detail: "no connection" } : channel.push(rendered, push);
      });
      if (outcome.kind === "retry") return outcome;
      return call(process, `answer ${outcome.kind} ${label}`, async (): Promise<Outcome> => {
        return late() ? { kind: "unknown", detail: "no answer" } : outcome;
      });
    },
  });
  return { pending: () => pending, call, kill, portsOf };
}

function written(write: Write): string {
  if ("put" in write) {
    const letters = write.put["letters"] ?? write.put["state"];
    return `${write.put.sk}${letters === undefined ? "" : `=${letters}`}`;
  }
  if ("remove" in write) return `-${write.remove.sk}`;
  return `?${"check" in write ? write.check.sk : write.add.sk}`;
}

/** Lets the event loop turn until whatever was let through has come to its next port call. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise<void>((go) => setImmediate(go));
}
