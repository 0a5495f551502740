// Started by crash.test.ts as a process of its own, and killed there at any moment.
import { writeSync } from "node:fs";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";

const [data = "", round = ""] = process.argv.slice(2);
const platform = embeddedPlatform({ data, now: () => new Date(), log: silentLog });
const say = (line: string): void => {
  writeSync(1, `${line}\n`);
};
say("open");

let count = 0;
async function work(): Promise<void> {
  for (;;) {
    const id = `${round}-${count++}`;
    const body = id.padEnd(2_000, "告示");
    const result = await platform.table.write([
      { put: { pk: `LEFT#${id}`, sk: "ITEM", body, feed: "test" }, if: { absent: true } },
      { put: { pk: `RIGHT#${id}`, sk: "ITEM", body }, if: { absent: true } },
      { add: { pk: "COUNTER", sk: round }, numbers: { n: 1 } },
    ]);
    if (!result.ok) throw new Error(`refused ${id}`);
    say(`written ${id}`);
    await platform.queue("fanout").send([{ body: { id } }]);
    say(`sent ${id}`);
  }
}

await Promise.all(Array.from({ length: 32 }, work));
