import { z } from "zod";
import { EventData, PublicationEvent } from "#src/domain/announcements/cloud-event.ts";
import { publishEvent } from "#src/domain/announcements/publish-event.ts";
import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { type Language, say } from "#src/text.ts";
import { readJson } from "#src/web/body.ts";
import { checked } from "#src/web/input.ts";
import { arrivedEvents, EVENT_MEDIA } from "./content-modes.ts";
import type { PlainDeps } from "./deps.ts";
import { onceInSteps } from "./once.ts";
import { languageOf, type Route, route } from "./route.ts";

const EVENTS = 100;
const AT_ONCE = 16;

const EventResult = z.object({
  /** The event's own id; null when it had none that could be read. */
  id: z.string().nullable(),
  status: z.enum(["accepted", "rejected"]),
  announcementId: z.string().optional(),
  revision: z.int().optional(),
  /** True when the same event was accepted before: nothing was done again. */
  repeated: z.boolean().optional(),
  code: z.string().optional(),
  detail: z.string().optional(),
  errors: z.array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() })).optional(),
});
type EventResult = z.infer<typeof EventResult>;
const EventsAnswer = z
  .object({ accepted: z.int(), rejected: z.int(), results: z.array(EventResult) })
  .meta({ id: "EventsAnswer" });

export function eventRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "post",
        path: "/events",
        who: ["publisher"],
        tag: "events",
        summary: { zh: "接收发布事件(CloudEvents 1.0)", en: "Take publication events (CloudEvents 1.0)" },
        text: EVENT_MEDIA,
        bodyLimit: 1_000_000,
        creates: true,
        answers: { 202: EventsAnswer },
      },
      (call) =>
        onceInSteps(deps, call, async () => {
          const { batch, events } = arrivedEvents(call.c.req.raw.headers, readJson(call.text));
          if (events.length > EVENTS) throw tooMany();
          const results = batch
            ? await takeAll(deps, call.caller, events, languageOf(call.c))
            : [await take(deps, call.caller, events[0])];
          const accepted = results.filter(({ status }) => status === "accepted").length;
          return { status: 202, body: { accepted, rejected: results.length - accepted, results } };
        }),
    ),
  ];
}

/** Every event on its own: one that is wrong rejects only itself. */
async function takeAll(deps: PlainDeps, caller: Caller, events: unknown[], language: Language): Promise<EventResult[]> {
  const results: EventResult[] = [];
  for (let n = 0; n < events.length; n += AT_ONCE) {
    const some = events
      .slice(n, n + AT_ONCE)
      .map((event) => take(deps, caller, event).catch((error: unknown) => rejected(event, error, language)));
    results.push(...(await Promise.all(some)));
  }
  return results;
}

/** Throws AppError for an event that is not acceptable. */
async function take(deps: PlainDeps, caller: Caller, arrived: unknown): Promise<EventResult> {
  const event = checked(PublicationEvent, arrived);
  const value = event.data_base64 === undefined ? event.data : readJson(decoded(event.data_base64));
  const { data } = checked(z.object({ data: EventData }), { data: value });
  const { source, id } = event;
  const told = { caller, event: { source, id, data } };
  const { result, repeated } = await publishEvent(deps, told).catch(withinData);
  return {
    id,
    status: "accepted",
    announcementId: result.id,
    revision: result.revision,
    ...(repeated ? { repeated } : {}),
  };
}

/** What is wrong with the content is wrong within the event's data. */
function withinData(error: unknown): never {
  if (!(error instanceof AppError) || error.errors.length === 0) throw error;
  const errors = error.errors.map((one) => ({ ...one, pointer: `/data${one.pointer}` }));
  throw new AppError(error.kind, error.code, error.detail, { errors, cause: error });
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

function rejected(event: unknown, error: unknown, language: Language): EventResult {
  if (!(error instanceof AppError)) throw error;
  const id = typeof event === "object" && event !== null && "id" in event ? event.id : null;
  const [first] = error.errors;
  return {
    id: typeof id === "string" ? id : null,
    status: "rejected",
    code: first?.code ?? error.code,
    detail: say(error.detail, language),
    ...(first
      ? { errors: error.errors.map(({ pointer, code, detail }) => ({ pointer, code, detail: say(detail, language) })) }
      : {}),
  };
}

function tooMany(): AppError {
  return new AppError("invalid", "BATCH_LIMIT", {
    zh: `一批最多${EVENTS}个事件`,
    en: `a batch has at most ${EVENTS} events`,
  });
}
