import { readdirSync, readFileSync } from "node:fs";
import { dirname, posix } from "node:path";
import { expect, it } from "vitest";

const EVERYWHERE = /^src\/(errors|ids|log|config|text|schema)\.ts$/;

/** design: the arrows. A room may import itself, the six files everybody may, and what stands here. */
const ARROWS: Record<string, string[]> = {
  "src/platform": [],
  "src/platform/aws": ["src/platform"],
  "src/platform/embedded": ["src/platform"],
  "src/domain/calendar": [],
  "src/domain/units": ["src/platform", "src/domain/calendar"],
  "src/domain/members": ["src/platform", "src/domain/calendar"],
  "src/domain/announcements": ["src/platform", "src/domain/calendar", "src/domain/units", "src/domain/members"],
  "src/domain/subscriptions": ["src/platform", "src/domain/calendar", "src/domain/units", "src/domain/members"],
  "src/domain/annual-reports": [
    "src/platform",
    "src/domain/calendar",
    "src/domain/units",
    "src/domain/members",
    "src/domain/announcements",
  ],
  "src/domain/cases": [
    "src/platform",
    "src/domain/calendar",
    "src/domain/units",
    "src/domain/members",
    "src/domain/announcements",
  ],
  "src/domain/deliveries": [
    "src/platform",
    "src/domain/calendar",
    "src/domain/announcements",
    "src/domain/subscriptions",
  ],
  "src/domain/conversations": [
    "src/platform",
    "src/domain/calendar",
    "src/domain/announcements",
    "src/domain/subscriptions",
    "src/domain/cases",
  ],
  "src/channels": ["src/domain/deliveries", "src/domain/announcements"],
  "src/web": ["src/web/api", "src/web/pages", "src/web/feeds", "src/domain/*", "src/platform"],
  "src/web/api": ["src/web", "src/domain/*", "src/platform"],
  "src/web/pages": ["src/web", "src/domain/*", "src/platform"],
  "src/web/feeds": ["src/web", "src/domain/*", "src/platform"],
  "src/bot": ["src/domain/*", "src/platform"],
  "src/cli": ["src/domain/*"],
};

const ROOMS = Object.keys(ARROWS).sort((a, b) => b.length - a.length);

function roomOf(file: string): string | undefined {
  return ROOMS.find((room) => file.startsWith(`${room}/`));
}

function imports(file: string): string[] {
  const source = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  return [...source.matchAll(/(?:from\s+|import\s*\(\s*|^import\s+)"([^"]+)"/gm)].map((match) => match[1] ?? "");
}

function resolved(file: string, specifier: string): string {
  if (specifier.startsWith("#src/")) return specifier.slice(1);
  return posix.normalize(posix.join(dirname(file), specifier));
}

const files = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => `src/${name.replaceAll("\\", "/")}`);

/** Bare packages that only one wing may know. */
const OWNERS: [RegExp, RegExp][] = [
  [/^@aws-sdk\//, /^src\/platform\/aws\//],
  [/^node:sqlite$/, /^src\/platform\/embedded\//],
  [/^(node:fs|node:fs\/promises)$/, /^src\/(platform\/embedded|bot|cli|demo)/],
  [/^(hono|@hono\/)/, /^src\/(web\/|start\.ts)/],
  [/^wechaty/, /^src\/bot\//],
];

function broken(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("../")) return `${file}: "${specifier}" climbs out of its room; write #src/…`;
  if (!specifier.startsWith("#") && !specifier.startsWith(".")) {
    const owner = OWNERS.find(([name]) => name.test(specifier));
    return owner && !owner[1].test(file) ? `${file}: ${specifier} is not for this room` : undefined;
  }
  const target = resolved(file, specifier);
  const from = roomOf(file);
  const to = roomOf(target);
  if (from === undefined) return undefined; // wiring, main and the five common files
  if (EVERYWHERE.test(target) || from === to) return undefined;
  const allowed = ARROWS[from] ?? [];
  const fits = allowed.some((room) => room === to || (room.endsWith("/*") && to?.startsWith(room.slice(0, -1))));
  return fits ? undefined : `${file} may not import ${target}`;
}

it("keeps every import inside the arrows of the design", () => {
  expect(files.length).toBeGreaterThan(30);
  expect(files.flatMap((file) => imports(file).flatMap((specifier) => broken(file, specifier) ?? []))).toEqual([]);
});

it("finds an arrow that points the wrong way", () => {
  expect(broken("src/domain/units/unit.ts", "#src/domain/cases/case.ts")).toMatch(/may not import/);
  expect(broken("src/web/pages/home.ts", "#src/web/api/route.ts")).toMatch(/may not import/);
  expect(broken("src/domain/cases/submit.ts", "@aws-sdk/client-s3")).toMatch(/not for this room/);
  expect(broken("src/domain/cases/submit.ts", "../units/unit.ts")).toMatch(/climbs/);
  expect(broken("src/web/api/cases.ts", "#src/domain/cases/submit.ts")).toBeUndefined();
});

it("lets the common files import only each other", () => {
  const common = files.filter((file) => EVERYWHERE.test(file));
  expect(common.length).toBe(6);
  for (const file of common)
    for (const specifier of imports(file).filter((s) => s.startsWith("#src/")))
      expect(resolved(file, specifier), file).toMatch(EVERYWHERE);
});
