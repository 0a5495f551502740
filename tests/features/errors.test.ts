import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { AppError } from "#src/errors.ts";
import type { LogFields } from "#src/log.ts";
import { ifMatch, type Route, route } from "#src/web/api/route.ts";
import { ADMIN, type Answered, type Ask, askOf, testApp } from "#tests/app.ts";

const faults: [string, LogFields | undefined][] = [];
let world: ReturnType<typeof testApp>;
let ask: Ask;

const Shelf = z.strictObject({
  title: z.string().max(10),
  count: z.int().min(1).max(9).optional(),
  kind: z.enum(["a", "b"]).optional(),
  at: z.iso.datetime().optional(),
  code: z
    .string()
    .regex(/^[0-9a-f]+$/)
    .optional(),
  list: z
    .array(z.strictObject({ name: z.string() }))
    .max(2)
    .optional(),
  either: z
    .discriminatedUnion("by", [
      z.strictObject({ by: z.literal("id"), id: z.string() }),
      z.strictObject({ by: z.literal("name"), name: z.string().max(3) }),
    ])
    .optional(),
  any: z.unknown().optional(),
});

const said = { zh: "试验", en: "trial" };

function trials(): Route[] {
  const common = { who: "public", tag: "units", summary: said, answers: { 200: null } } as const;
  return [
    route({ ...common, method: "post", path: "/shelves", body: Shelf }, ({ body }) => ({ status: 200, body })),
    route({ ...common, method: "post", path: "/lines", text: ["text/plain"], bodyLimit: 100 }, ({ text }) => ({
      status: 200,
      body: { length: text.length },
    })),
    route({ ...common, method: "get", path: "/shelves/{id}" }, ({ params }) => {
      if (params.id === "broken") throw new Error("secret path /var/lib and a stack");
      if (params.id === "away") throw new AppError("unavailable", "AWAY", said);
      return { status: 200, body: { id: params.id }, version: 3 };
    }),
    route({ ...common, method: "patch", path: "/shelves/{id}", body: Shelf, edits: true }, (call) => ({
      status: 200,
      body: { version: ifMatch(call) },
    })),
  ];
}

beforeAll(() => {
  const record = (event: string, fields?: LogFields) => faults.push([event, fields]);
  world = testApp({ routes: trials, log: { info: record, warn: record, error: record } });
  ask = (method, path, options) => world.ask(method, path, { token: ADMIN, ...options });
});
afterAll(() => world.platform.stop());

type Doc = {
  status: number;
  code: string;
  title: string;
  detail: string;
  errors?: { pointer: string; code: string }[];
};

function problem(answer: Answered): Doc {
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const body = answer.json() as Doc & { type: string };
  expect(body).toMatchObject({ type: "about:blank", status: answer.status });
  expect(body.title.length * body.detail.length).toBeGreaterThan(0);
  expect(body.code).toMatch(/^[A-Z0-9_]+$/);
  return body;
}

async function post(body: unknown, headers: Record<string, string> = {}): Promise<Answered> {
  return ask("POST", "/api/v1/shelves", { body, headers });
}

it.each<[string, unknown, [string, string][]]>([
  ["nothing", {}, [["/title", "REQUIRED"]]],
  ["another type", { title: 3 }, [["/title", "TYPE"]]],
  ["null for a text", { title: null }, [["/title", "TYPE"]]],
  ["a list instead of an object", [], [["", "TYPE"]]],
  ["too long a text", { title: "x".repeat(11) }, [["/title", "TOO_LONG"]]],
  ["too small a number", { title: "x", count: 0 }, [["/count", "TOO_SMALL"]]],
  ["too big a number", { title: "x", count: 10 }, [["/count", "TOO_BIG"]]],
  ["half a number", { title: "x", count: 1.5 }, [["/count", "TYPE"]]],
  ["an unknown word", { title: "x", kind: "c" }, [["/kind", "VALUE"]]],
  ["what is no time", { title: "x", at: "tomorrow" }, [["/at", "FORMAT"]]],
  ["what has another form", { title: "x", code: "zz" }, [["/code", "FORMAT"]]],
  ["too many entries", { title: "x", list: [{ name: "" }, { name: "" }, { name: "" }] }, [["/list", "TOO_MANY"]]],
  ["a fault deep inside", { title: "x", list: [{ name: 1 }] }, [["/list/0/name", "TYPE"]]],
  ["no discriminator", { title: "x", either: { id: "x" } }, [["/either/by", "REQUIRED"]]],
  ["an unknown discriminator", { title: "x", either: { by: "age" } }, [["/either/by", "VALUE"]]],
  ["a fault in a union", { title: "x", either: { by: "name", name: "long" } }, [["/either/name", "TOO_LONG"]]],
  [
    "keys nobody knows",
    { title: "x", "a/b~c": 1, status: "published" },
    [
      ["/a~1b~0c", "UNKNOWN_KEY"],
      ["/status", "UNKNOWN_KEY"],
    ],
  ],
])("names the place and the kind of fault: %s", async (_, body, expected) => {
  const answer = await post(body);
  expect(answer.status).toBe(422);
  const { code, errors } = problem(answer);
  expect(code).toBe("INPUT");
  expect(errors?.map((one) => [one.pointer, one.code])).toEqual(expected);
  expect(JSON.stringify(errors)).not.toContain("regex");
});

it("speaks the reader's language, Chinese unless asked", async () => {
  expect(problem(await post({})).detail).toMatch(/提交的内容有误/);
  const english = await post({}, { "accept-language": "fr, en;q=0.5" });
  expect(problem(english).detail).toMatch(/not acceptable/);
  expect(english.headers.get("content-language")).toBe("en");
  expect(english.headers.get("vary")).toBe("Accept-Language");
});

it.each<[string, string, number, string]>([
  ["what is not JSON", "{title:1}", 400, "JSON"],
  ["nothing at all", "", 400, "JSON"],
  ["JSON cut off", '{"title":"x', 400, "JSON"],
  ["a key twice", '{"title":"x","title":"y"}', 400, "DUPLICATE_KEY"],
  ["a key twice, deep inside", '{"title":"x","any":[{"a":{"b":1,"b":1}}]}', 400, "DUPLICATE_KEY"],
  ["a key twice, spelled differently", '{"title":"x","\\u0074itle":"y"}', 400, "DUPLICATE_KEY"],
  ["10,000 levels", `{"title":"x","any":${"[".repeat(10_000)}${"]".repeat(10_000)}}`, 400, "JSON_SHAPE"],
  ["20,000 keys", `{"any":{${Array.from({ length: 20_000 }, (_, i) => `"${i}":0`).join()}}}`, 400, "JSON_SHAPE"],
  ["a number beyond all numbers", '{"title":"x","count":1e999}', 422, "INPUT"],
  ["a key of the language's own", '{"title":"x","__proto__":{"admin":true}}', 422, "INPUT"],
  ["a NUL", '{"title":"a\\u0000b"}', 422, "INPUT"],
  ["half a character", '{"title":"a\\ud800"}', 422, "INPUT"],
  ["a character that is none", '{"title":"a\\ufffe"}', 422, "INPUT"],
  ["a raw character that is none", '{"title":"a\uffff"}', 422, "INPUT"],
])("refuses a body that holds %s", async (_, body, status, code) => {
  const answer = await post(body);
  expect([answer.status, problem(answer).code]).toEqual([status, code]);
});

it("takes quotes, colons, braces and escapes inside texts for what they are", async () => {
  const any = { 'a:"b\\': '{"x":1,"x":2}', "\\": "\\\\\\", u: "\u2028😀\\u0000", n: [[], {}, "}"] };
  const answer = await post({ title: "x", any });
  expect(answer.json()).toEqual({ title: "x", any });
});

it("points at the text that holds an unstorable character", async () => {
  expect(problem(await post('{"title":"x","any":[{"deep":"\\u0000"}]}')).errors).toMatchObject([
    { pointer: "/any/0/deep", code: "CHARACTER" },
  ]);
});

it("takes only the content type of the call, uncompressed and in UTF-8", async () => {
  const body = '{"title":"x"}';
  for (const [type, status] of [
    ["application/json", 200],
    ["Application/JSON; charset=UTF-8", 200],
    ['application/json;charset="utf-8"', 200],
    ["application/json; charset=gbk", 415],
    ["text/json", 415],
    ["application/x-www-form-urlencoded", 415],
    ["multipart/form-data; boundary=x", 415],
    ["", 415],
  ] as const)
    expect((await post(body, { "content-type": type })).status, type).toBe(status);
  const packed = await post(body, { "content-encoding": "gzip" });
  expect([packed.status, problem(packed).code]).toEqual([415, "CONTENT_ENCODING"]);
  expect(
    (await ask("POST", "/api/v1/lines", { body: "甲", headers: { "content-type": "text/plain" } })).json(),
  ).toEqual({
    length: 1,
  });
});

async function raw(init: RequestInit & { duplex?: "half" }, path = "/api/v1/lines"): Promise<Response> {
  const headers = { "content-type": "text/plain", authorization: `Bearer ${ADMIN}`, ...init.headers };
  return world.app.fetch(new Request(`http://x${path}`, { method: "POST", ...init, headers }));
}

it("refuses what is not UTF-8", async () => {
  const answer = await raw({ body: Buffer.from([0x61, 0xff, 0xfe]) });
  expect([answer.status, ((await answer.json()) as Doc).code]).toEqual([400, "UTF8"]);
});

it("refuses one byte over the limit before reading it, and while reading when no length was told", async () => {
  expect((await raw({ body: "x".repeat(100), headers: { "content-length": "100" } })).status).toBe(200);
  let read = 0;
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        read += 60;
        controller.enqueue(new Uint8Array(60).fill(97));
      },
    });
  const announced = await raw({ body: endless(), duplex: "half", headers: { "content-length": "101" } });
  expect([announced.status, read <= 60]).toEqual([413, true]);
  read = 0;
  expect((await raw({ body: endless(), duplex: "half" })).status).toBe(413);
  expect(read).toBeLessThan(400);
});

it("does not take a caller who hung up for a fault of its own", async () => {
  faults.length = 0;
  const cut = () => new ReadableStream({ start: (controller) => controller.error(new Error("aborted")) });
  for (const length of [{}, { "content-length": "50" }] as Record<string, string>[]) {
    const answer = await raw({ body: cut(), duplex: "half", headers: length });
    expect([answer.status, ((await answer.json()) as Doc).code]).toEqual([400, "BODY_CUT"]);
  }
  expect(faults).toEqual([]);
});

it("knows its addresses and their methods", async () => {
  expect(problem(await ask("GET", "/api/v1/nothing")).status).toBe(404);
  expect(problem(await ask("GET", "/api/v2/shelves")).status).toBe(404);
  const wrong = await ask("DELETE", "/api/v1/shelves");
  expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "POST"]);
  expect((await ask("GET", "/api/v1/shelves")).headers.get("allow")).toBe("POST");
  expect((await ask("POST", "/api/v1/shelves/1")).headers.get("allow")).toBe("HEAD, GET, PATCH");
  expect((await ask("POST", "/healthz")).status).toBe(405);
  expect((await post({ title: "x" }, { "x-http-method-override": "DELETE" })).status).toBe(200);
});

it("knows the ETag of an object and asks for it before an edit", async () => {
  const read = await ask("GET", "/api/v1/shelves/1");
  const etag = read.headers.get("etag") ?? "";
  expect(etag).toMatch(/^"3-[0-9a-f]{16}"$/);
  for (const [none, status] of [
    [etag, 304],
    [`W/${etag}`, 304],
    [`"1", ${etag}`, 304],
    ["*", 304],
    ['"3"', 200],
    ['"2"', 200],
  ] as const) {
    const again = await ask("GET", "/api/v1/shelves/1", { headers: { "if-none-match": none } });
    expect([again.status, again.text === ""], none).toEqual([status, status === 304]);
  }
  expect((await ask("HEAD", "/api/v1/shelves/1")).status).toBe(200);
  for (const [match, status] of [
    [undefined, 428],
    [etag, 200],
    ['"3"', 200],
    [`W/${etag}`, 412],
    ['"abc"', 412],
    ["3", 400],
    ["*", 400],
    ['"1", "3"', 400],
  ] as const) {
    const headers: Record<string, string> = match === undefined ? {} : { "if-match": match };
    const edit = await ask("PATCH", "/api/v1/shelves/1", { body: { title: "x" }, headers });
    expect(edit.status, String(match)).toBe(status);
  }
});

it("refuses query parameters nobody knows, and names too long to be anybody's", async () => {
  expect(problem(await ask("GET", "/api/v1/shelves/1?colour=red")).errors).toMatchObject([
    { pointer: "/colour", code: "UNKNOWN_KEY" },
  ]);
  expect(problem(await ask("GET", "/api/v1/shelves/1?a=1&a=2")).errors).toMatchObject([
    { pointer: "/a", code: "REPEATED" },
  ]);
  expect((await ask("GET", "/api/v1/shelves/1?a=%00")).status).toBe(422);
  expect((await ask("GET", `/api/v1/shelves/${"x".repeat(201)}`)).status).toBe(404);
  expect((await ask("GET", "/api/v1/shelves/%00")).status).toBe(404);
  expect((await ask("GET", "/api/v1/shelves/%zz")).status).toBe(200);
});

it("answers its own faults plainly, and logs them under the id it gives", async () => {
  const answer = await ask("GET", "/api/v1/shelves/broken");
  expect(answer.status).toBe(500);
  expect(answer.text).not.toMatch(/secret|stack|\/var|at /);
  const { requestId } = answer.json() as { requestId: string };
  expect(faults.at(-1)).toMatchObject(["http.fault", { id: requestId, message: "secret path /var/lib and a stack" }]);
  const away = await ask("GET", "/api/v1/shelves/away");
  expect([away.status, away.headers.get("retry-after")]).toEqual([503, "5"]);
});

it("sends security headers with everything, and opens nothing to other origins", async () => {
  const paths = [
    "/healthz",
    "/",
    "/docs",
    "/openapi.json",
    "/api/v1/shelves/1",
    "/api/v1/nothing",
    "/nothing",
    "/feed.atom",
  ];
  for (const path of paths) {
    const { headers } = await ask("GET", path, { headers: { origin: "https://evil.example" } });
    expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    expect(headers.get("content-security-policy"), path).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get("content-security-policy"), path).not.toMatch(/unsafe/);
    expect(headers.get("referrer-policy"), path).toBeTruthy();
    expect(headers.get("access-control-allow-origin"), path).toBeNull();
    expect(headers.get("strict-transport-security"), path).toBeNull();
  }
  const config = { ...world.deps.config, baseUrl: "https://gov.example" };
  const secure = testApp({ config });
  const headers = (await askOf(secure.app)("GET", "/healthz")).headers;
  expect(headers.get("strict-transport-security")).toMatch(/max-age=31536000/);
  await secure.platform.stop();
});
