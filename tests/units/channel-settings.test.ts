import { expect, it } from "vitest";
import type { Channel } from "#src/domain/deliveries/channel.ts";
import { changeSetup, readSetup } from "#src/domain/deliveries/channel-settings.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import type { Table } from "#src/platform/table.ts";
import { scriptedChannel } from "./push-world.ts";

const now = () => new Date("2026-03-02T02:00:00Z");
const channel: Channel = {
  ...scriptedChannel("email", now),
  settings: ["from", "fromName"].map((name) => ({
    ...{ name, secret: false, required: false },
    label: { zh: "项", en: "item" },
  })),
};

/** A table in which somebody else sets the channel up just before the first write. */
function overtaken(): { table: Table } {
  const { table } = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  let first = true;
  const write: Table["write"] = async (...args) => {
    if (first) {
      first = false;
      await changeSetup({ table, now }, channel, { settings: { from: "a@county.example" } }, undefined);
    }
    return table.write(...args);
  };
  return { table: { ...table, write } };
}

it("adds a setting to what somebody else entered at the same moment", async () => {
  const { table } = overtaken();
  await changeSetup({ table, now }, channel, { settings: { fromName: "县" } }, undefined);
  expect((await readSetup(table, "email"))?.settings).toEqual({ from: "a@county.example", fromName: "县" });
});

it("refuses a change of a version that somebody else has changed meanwhile", async () => {
  const { table } = overtaken();
  const change = changeSetup({ table, now }, channel, { settings: { fromName: "县" } }, 0);
  await expect(change).rejects.toMatchObject({ kind: "stale" });
  expect((await readSetup(table, "email"))?.settings).toEqual({ from: "a@county.example" });
});
