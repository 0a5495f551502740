import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { freePort, startProgram } from "#tests/program.ts";

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "gaoshi-stopping-"));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

it("stops cleanly when it is told to while it still starts", async () => {
  const port = await freePort();
  const starting = await startProgram({ data, port, until: "listens" });
  expect(await starting.stop()).toBe(0);
  expect(starting.output()).toContain('"signal":"SIGTERM"');
  const again = await startProgram({ data, port });
  expect(await again.stop()).toBe(0);
}, 60_000);
