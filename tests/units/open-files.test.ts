import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openFiles } from "#src/platform/embedded/open-files.ts";

it.each([
  [
    "Max processes             95837                95837                processes\nMax open files            8192                 8192                 files\n",
    8192,
  ],
  ["Max open files            unlimited            unlimited            files\n", Number.POSITIVE_INFINITY],
  ["Max cpu time              unlimited            unlimited            seconds\n", 4096],
  ["", 4096],
])("reads how many files may be open, and takes the usual where nothing says: %j", (text, most) => {
  const file = join(mkdtempSync(join(tmpdir(), "limits-")), "limits");
  writeFileSync(file, text);
  expect(openFiles(file)).toBe(most);
  expect(openFiles(`${file}-of-nobody`)).toBe(4096);
});
