import { existsSync, readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { expect, it } from "vitest";

const documents = [
  ...readdirSync(".").filter((name) => name.endsWith(".md")),
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name.replaceAll("\\", "/")}`),
];

/** A path of this repository, as documents write it: in backquotes from one of its folders, or as a relative link. */
function cited(document: string, text: string): string[] {
  const quoted = [
    ...text.matchAll(/`((?:src|functions|infra|tests|docs|bench)\/[\w./<>*{},-]*|[\w-]+\.(?:json|yml|ts))`/g),
  ]
    .map((match) => match[1] ?? "")
    .filter((path) => !/[<*{]/.test(path));
  const linked = [...text.matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)].map((match) =>
    posix.join(posix.dirname(document), match[1] ?? ""),
  );
  return [...quoted, ...linked];
}

/** A bare file name may stand for a file that its paragraph places: it must exist somewhere. */
const everyName = new Set(
  ["src", "tests", "docs", "infra", "functions", "bench", "."].flatMap((folder) =>
    readdirSync(folder, { recursive: folder !== ".", encoding: "utf8" }).map((name) => posix.basename(name)),
  ),
);

function missing(document: string, text: string): string[] {
  return cited(document, text)
    .filter((path) => !existsSync(path) && !(path.indexOf("/") < 0 && everyName.has(path)))
    .map((path) => `${document}: ${path}`);
}

it("cites only paths that exist", () => {
  expect(documents.length).toBeGreaterThan(5);
  expect(documents.flatMap((document) => missing(document, readFileSync(document, "utf8")))).toEqual([]);
});

it("finds a path that is gone", () => {
  expect(missing("README.md", "see `src/domain/nothing.ts` and [that](docs/none.md)")).toEqual([
    "README.md: src/domain/nothing.ts",
    "README.md: docs/none.md",
  ]);
});

it("gives every decision record a number of its own and its three parts", () => {
  const records = readdirSync("docs/adr").filter((name) => name.endsWith(".md"));
  const numbers = records.map((name) => /^(\d{4})-[a-z0-9-]+\.md$/.exec(name)?.[1]);
  expect(numbers).not.toContain(undefined);
  expect(new Set(numbers).size).toBe(numbers.length);
  for (const name of records) {
    const text = readFileSync(`docs/adr/${name}`, "utf8");
    for (const heading of ["Context", "Decision", "Consequences"]) expect(text, name).toContain(heading);
  }
});

/** What a recipe names and no file beside it in the same step holds. */
function misplaced(recipes: string): string[] {
  return recipes.split(/\n(?=\d+\. |\n|##)/).flatMap((step) => {
    const files = cited("CONTRIBUTING.md", step).filter((path) => /\.(ts|yml)$/.test(path) && existsSync(path));
    const sources = files.map((file) => readFileSync(file, "utf8"));
    return [...step.matchAll(/`([A-Z][A-Z_]{3,})`/g)]
      .map((match) => match[1] ?? "")
      .filter((name) => !sources.some((source) => new RegExp(`\\b${name}\\b.* =`).test(source)));
  });
}

it("leads whoever adds something to the file that holds the list", () => {
  const recipes = readFileSync("CONTRIBUTING.md", "utf8");
  expect(misplaced(recipes)).toEqual([]);
  for (const list of ["CHANNELS", "QUEUE_NAMES", "ROOMS", "DEFAULT_COLUMNS", "COLUMN_NAMES"])
    expect(recipes, list).toContain(`\`${list}\``);
  expect(misplaced("2. `src/platform/keys.ts`: one line in `DEFAULT_COLUMNS`.")).toEqual(["DEFAULT_COLUMNS"]);
});
