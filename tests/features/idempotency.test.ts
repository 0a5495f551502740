import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { AppError } from "#src/errors.ts";
import { randomSecret } from "#src/ids.ts";
import { silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import type { Table } from "#src/platform/table.ts";
import type { PlainDeps } from "#src/web/api/deps.ts";
import { once, onceInSteps } from "#src/web/api/once.ts";
import { type Route, route } from "#src/web/api/route.ts";
import { ADMIN, type Answered, testApp, testClock } from "#tests/app.ts";

const KEY = "a-key-of-enough-length";
const said = { zh: "试验", en: "trial" };
const Parcel = z.strictObject({ text: z.string().min(1), state: z.enum(["free", "taken"]).default("free") });

let gate: { arrived: number; open: () => void; passed: Promise<void> };
let world: ReturnType<typeof testApp>;
let table: Table;
/** What the store does with the next write: nothing and fail, or all and fail all the same. */
let fault: "before" | "after" | undefined;

function parcels(deps: PlainDeps): Route[] {
  const common = { tag: "units", summary: said, body: Parcel, creates: true, answers: { 201: null } } as const;
  const made = (parcel: { id: string; secret: string }) => ({
    status: 201,
    body: parcel,
    version: 1,
    headers: { location: `/parcels/${parcel.id}` },
  });
  const hide = ({ secret: _, ...rest }: { id: string; secret: string }) => rest;
  const send = (path: "/parcels" | "/letters") =>
    route({ ...common, method: "post", path, who: "public" }, (call) =>
      once(
        deps,
        call,
        async (commit) => {
          if (call.body.state === "taken") throw new AppError("conflict", "STATE", said);
          const parcel = { id: deps.newId("msg"), secret: randomSecret() };
          const put = { pk: "PARCELS", sk: parcel.id, text: call.body.text };
          const written = await commit([{ put, if: { absent: true } }], parcel);
          if (!written.ok) throw new AppError("conflict", "CHANGED_MEANWHILE", said);
          return parcel;
        },
        made,
        { hide },
      ),
    );
  return [
    send("/parcels"),
    send("/letters"),
    route({ ...common, method: "post", path: "/crates", who: ["editor"] }, (call) =>
      onceInSteps(deps, call, async () => {
        gate.arrived++;
        await gate.passed;
        if (call.body.state === "taken") throw new AppError("unavailable", "AWAY", said);
        const id = deps.newId("msg");
        await deps.table.write([{ put: { pk: "PARCELS", sk: id } }]);
        return { status: 201, body: { id } };
      }),
    ),
  ];
}

beforeEach(() => {
  const clock = testClock();
  const platform = embeddedPlatform({ data: ":memory:", now: clock.now, log: silentLog });
  fault = undefined;
  table = {
    ...platform.table,
    async write(writes) {
      const now = fault;
      fault = undefined;
      const lost = new AppError("unavailable", "STORE", said);
      if (now === "before") throw lost;
      const result = await platform.table.write(writes);
      if (now === "after") throw lost;
      return result;
    },
  };
  const policies = { strangers: { count: 1000, seconds: 60, step: 1000 } };
  world = testApp({ clock, table, routes: parcels, policies });
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  gate = { arrived: 0, open, passed };
  return () => platform.stop();
});
afterEach(() => world.platform.stop());

async function send(options: {
  body?: unknown;
  key?: string;
  token?: string | undefined;
  path?: string;
}): Promise<Answered> {
  const { body = { text: "x" }, key = KEY, path = "/api/v1/parcels" } = options;
  const token = "token" in options ? options.token : ADMIN;
  return world.ask("POST", path, { body, headers: { "idempotency-key": key }, ...(token ? { token } : {}) });
}

const stranger = { token: undefined };

async function stored(): Promise<number> {
  return (await table.query({ pk: "PARCELS", limit: 1000, fresh: true })).items.length;
}

function codeOf(answer: Answered): string {
  return (answer.json() as { code: string }).code;
}

it("gives the first answer again for the same key and body", async () => {
  const first = await send({});
  const again = await send({});
  expect([first.status, again.status]).toEqual([201, 201]);
  expect(again.text).toBe(first.text);
  expect(first.headers.get("idempotency-replayed")).toBeNull();
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  for (const name of ["etag", "location", "content-type"])
    expect(again.headers.get(name)).toBe(first.headers.get(name));
  expect(await stored()).toBe(1);
});

it("makes one object of 50 equal requests at once", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => send({})));
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
  expect(answers.filter(({ headers }) => headers.get("idempotency-replayed") === "true")).toHaveLength(49);
  expect(await stored()).toBe(1);
});

it("makes one object of 25 and 25 requests with one key and two bodies", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => send({ body: { text: `${i % 2}` } })));
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(25);
  const refused = answers.filter(({ status }) => status === 422);
  expect(refused.map(codeOf)).toEqual(Array(25).fill("IDEMPOTENCY_KEY_REUSED"));
  expect(await stored()).toBe(1);
});

it("refuses another body under a used key", async () => {
  await send({});
  const other = await send({ body: { text: "y" } });
  expect([other.status, codeOf(other)]).toEqual([422, "IDEMPOTENCY_KEY_REUSED"]);
});

it("reads a quoted key as the bare one, and refuses keys of another form", async () => {
  const first = await send({});
  expect((await send({ key: `"${KEY}"` })).text).toBe(first.text);
  for (const key of ["short", "x".repeat(129), `"${"x".repeat(15)}"`, "with a space in it", "汉字汉字汉字汉字汉字汉字"])
    expect(
      await send({ key: Buffer.from(key).toString("latin1") }).then((answer) => [answer.status, codeOf(answer)]),
      key,
    ).toEqual([400, "IDEMPOTENCY_KEY"]);
  expect((await send({ key: "x".repeat(128) })).status).toBe(201);
  expect((await send({ key: "y".repeat(16) })).status).toBe(201);
});

it("keeps keys of other callers and other calls apart", async () => {
  await send({});
  expect((await send({ path: "/api/v1/letters", body: { text: "z" } })).status).toBe(201);
  expect((await send({ ...stranger, body: { text: "z" } })).status).toBe(201);
  expect(await stored()).toBe(3);
});

it("forgets a key after 24 hours, although its row is still there", async () => {
  const first = await send({});
  world.clock.pass(24 * 3600 - 5);
  expect((await send({})).text).toBe(first.text);
  world.clock.pass(10);
  expect((await send({ body: { text: "y" } })).status).toBe(201);
  expect(await stored()).toBe(2);
});

it("repeats a refusal that the state gave, but keeps none that the form gave", async () => {
  const first = await send({ body: { text: "x", state: "taken" } });
  const again = await send({ body: { text: "x", state: "taken" } });
  expect([first.status, again.status, codeOf(again)]).toEqual([409, 409, "STATE"]);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(again.headers.get("content-type")).toBe("application/problem+json");
  const other = "another-key-of-length";
  expect((await send({ key: other, body: { text: "" } })).status).toBe(422);
  expect((await send({ key: other })).status).toBe(201);
});

it("finds out after a fault of the store whether there was an effect", async () => {
  fault = "before";
  expect((await send({})).status).toBe(503);
  expect((await send({})).status).toBe(201);
  expect(await stored()).toBe(1);

  const other = { key: "another-key-of-length" };
  fault = "after";
  expect((await send(other)).status).toBe(503);
  const again = await send(other);
  expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
  expect(await stored()).toBe(2);
});

it("tells strangers apart by the exact body, and shows the secret to the first of them only", async () => {
  const first = await send(stranger);
  const again = await send(stranger);
  expect((first.json() as { secret?: string }).secret).toBeTruthy();
  expect(again.json()).toEqual({ id: (first.json() as { id: string }).id });
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect((await send({ ...stranger, body: '{"text": "x"}' })).headers.get("idempotency-replayed")).toBeNull();
  expect(await stored()).toBe(2);
});

it("writes down no secret for the sake of a repeat", async () => {
  const secrets: string[] = [];
  const written: string[] = [];
  const before = table.write;
  table.write = (writes) => {
    written.push(JSON.stringify(writes));
    return before(writes);
  };
  for (const who of [{}, stranger]) secrets.push(((await send(who)).json() as { secret: string }).secret);
  expect(written).toHaveLength(2);
  for (const secret of secrets) expect(written.join()).not.toContain(secret);
});

it("costs nothing to those who send no key", async () => {
  let writes = 0;
  const before = table.write;
  table.write = (all) => {
    writes += all.length;
    return before(all);
  };
  await world.ask("POST", "/api/v1/parcels", { body: { text: "x" }, token: ADMIN });
  expect(writes).toBe(1);
});

const crates = { path: "/api/v1/crates" };

it("says that work in steps is still in progress, and then gives its answer", async () => {
  const first = send(crates);
  while (gate.arrived === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const second = await send(crates);
  expect([second.status, codeOf(second)]).toEqual([409, "IDEMPOTENCY_IN_PROGRESS"]);
  expect(Number(second.headers.get("retry-after"))).toBeLessThanOrEqual(60);
  expect((await send({ ...crates, body: { text: "y" } })).status).toBe(422);
  gate.open();
  const { text } = await first;
  expect((await send(crates)).text).toBe(text);
  expect([gate.arrived, await stored()]).toEqual([1, 1]);
});

it("lets one of many equal requests do work in steps", async () => {
  gate.open();
  const answers = await Promise.all(Array.from({ length: 20 }, () => send(crates)));
  expect(gate.arrived).toBe(1);
  for (const { status } of answers) expect([201, 409]).toContain(status);
});

it("frees a key 60 seconds after its request was lost", async () => {
  void send(crates);
  while (gate.arrived === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  world.clock.pass(59);
  expect((await send(crates)).status).toBe(409);
  world.clock.pass(2);
  gate.open();
  expect((await send(crates)).status).toBe(201);
  expect(gate.arrived).toBe(2);
});

it("frees a key at once when the work came to nothing", async () => {
  gate.open();
  expect((await send({ ...crates, body: { text: "x", state: "taken" } })).status).toBe(503);
  expect((await send(crates)).status).toBe(201);
});
