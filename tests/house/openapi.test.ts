import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import type { PlainDeps } from "#src/web/api/deps.ts";
import { documentOf } from "#src/web/api/document.ts";
import { apiRoutes } from "#src/web/api/routes.ts";
import { testApp } from "#tests/app.ts";

type Json = Record<string, unknown>;

const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
const routes = await apiRoutes({ channels: async () => ({}) } as PlainDeps);
const document = documentOf(routes, { version, server: "/" });
const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));

it("finds docs/openapi.json current; `npm run openapi` makes it so", () => {
  expect(readFileSync("docs/openapi.json", "utf8")).toBe(`${JSON.stringify(document, null, 2)}\n`);
});

it("describes every call of the API", () => {
  for (const { spec } of routes) {
    const operation = document.paths[`/api/v1${spec.path}`]?.[spec.method];
    expect(operation?.summary, spec.path).toBe(spec.summary.en);
    expect(Object.keys(operation?.responses ?? {}), spec.path).toEqual(
      expect.arrayContaining([...Object.keys(spec.answers), "400", "401", "429", "500"]),
    );
  }
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
});

it("points only at what is there", () => {
  const references: string[] = [];
  const look = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    for (const [key, value] of Object.entries(part)) {
      if (key === "$ref") references.push(String(value));
      else look(value);
    }
  };
  look(document);
  expect(references.length).toBeGreaterThan(50);
  for (const reference of new Set(references)) {
    let found: unknown = document;
    for (const step of reference.slice(2).split("/")) found = (found as Json | undefined)?.[step];
    expect(found, reference).toBeDefined();
  }
});

it("closes every object that is sent in, and leaves answers open to grow", () => {
  const bodies = operations.flatMap(({ requestBody }) =>
    Object.values((requestBody?.["content"] ?? {}) as Record<string, { schema: Json }>),
  );
  const objects = bodies.filter(({ schema }) => schema["type"] === "object");
  expect(objects.length).toBeGreaterThan(2);
  for (const { schema } of objects) expect(schema["additionalProperties"]).toBe(false);
  expect(JSON.stringify(document.components.schemas["Token"])).not.toContain("additionalProperties");
});

it("serves the document and the readable page in both languages, without script or outside loads", async () => {
  const { ask, platform } = testApp();
  const answer = await ask("GET", "/openapi.json");
  const served = answer.json() as typeof document;
  const kept = { "if-none-match": answer.headers.get("etag") ?? "" };
  expect((await ask("GET", "/openapi.json", { headers: kept })).status).toBe(304);
  expect(served.paths).toEqual(document.paths);
  expect(served.servers).toEqual([{ url: "http://127.0.0.1:8787" }]);
  for (const [language, word] of [
    ["zh-CN", "接口说明"],
    ["en", "The API"],
  ] as const) {
    const page = await ask("GET", "/docs", { headers: { "accept-language": language } });
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(page.text).toContain(`<html lang="${language}">`);
    expect(page.text).toContain(word);
    expect(page.text).not.toMatch(/<script|style=|https?:\/\//);
    for (const { spec } of routes) expect(page.text).toContain(`/api/v1${spec.path}`);
  }
  const read = async (language: string) => (await ask("GET", `/docs?lang=${language}`)).text;
  expect(await read("en")).toMatch(/endpoint\.address.*quietHours\.from/s);
  const answers = [...(await read("zh-CN")).matchAll(/<li><code>\d{3}<\/code> ([^<]*)/g)].map((match) => match[1]);
  expect(answers.length).toBeGreaterThan(50);
  expect(answers.filter((said) => !/\p{Script=Han}/u.test(said ?? ""))).toEqual([]);
  expect((await ask("GET", "/docs/style.css")).headers.get("content-type")).toMatch(/^text\/css/);
  await platform.stop();
});
