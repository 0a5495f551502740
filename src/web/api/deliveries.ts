import { z } from "zod";
import { topicsOf } from "#src/domain/announcements/announcement.ts";
import { readManuscript } from "#src/domain/announcements/desk.ts";
import { summaryOf } from "#src/domain/announcements/render.ts";
import { readForLedger } from "#src/domain/announcements/store.ts";
import { ABSENCES, whyAbsent } from "#src/domain/deliveries/absent.ts";
import type { ChannelName } from "#src/domain/deliveries/channel.ts";
import { ledger } from "#src/domain/deliveries/ledger.ts";
import { DeliveryRow, deliveriesTo, listDeliveries } from "#src/domain/deliveries/list.ts";
import { rehearse } from "#src/domain/deliveries/rehearse.ts";
import { asRevision } from "#src/domain/deliveries/shown-text.ts";
import { DELIVERY_STATES, noCounts } from "#src/domain/deliveries/states.ts";
import { findFanout } from "#src/domain/deliveries/store.ts";
import { findEndpoints } from "#src/domain/subscriptions/find-endpoints.ts";
import { END_REASONS } from "#src/domain/subscriptions/subscription.ts";
import { AppError } from "#src/errors.ts";
import { linksOf } from "#src/web/links.ts";
import type { ApiDeps } from "./deps.ts";
import { ledgerStream } from "./ledger-stream.ts";
import { listed, nextOf, PAGE, pageSchema } from "./list.ts";
import { RehearsalBody, rehearsedBody } from "./rehearsal-body.ts";
import { languageOf, type Route, route } from "./route.ts";

const number = z.number();
const CountsBody = z.object({
  matched: number,
  delivered: number,
  suppressed: number,
  failed: number,
  unknown: number,
  held: number,
  waiting: number,
  within10s: number,
  within60s: number,
  inDigest: number,
});
const LedgerBody = CountsBody.extend({
  revision: number,
  closed: z.boolean(),
  channels: z.record(z.string(), CountsBody),
}).meta({ id: "Ledger" });

const Row = DeliveryRow.meta({ id: "Delivery" });
/** Why an endpoint that was asked for has no delivery of the announcement. */
const AbsenceBody = z
  .object({ because: z.enum(ABSENCES), at: z.string().optional(), reason: z.enum(END_REASONS).optional() })
  .meta({ id: "Absence" });
const tag = "deliveries";
const revisionNumber = z
  .string()
  .regex(/^[1-9]\d{0,5}$/)
  .transform(Number);

export function deliveryRoutes(deps: ApiDeps): Route[] {
  return [
    route(
      {
        method: "get",
        path: "/announcements/{id}/ledger",
        who: ["editor"],
        tag,
        summary: {
          zh: "推送台账：一个版本的全部推送及其平衡；可用 SSE 持续接收",
          en: "The ledger of a revision's pushes and its balance; as server-sent events while it runs",
        },
        query: z.strictObject({ revision: revisionNumber.optional() }),
        answers: { 200: LedgerBody },
      },
      async ({ c, caller, params, query, stands }) => {
        const announcement = await readForLedger(deps, caller, params.id);
        const revision = query.revision ?? announcement.revision;
        if (revision < 1 || revision > announcement.revision) throw noLedger();
        // The change feed has not told of it yet: everything is still to come.
        const empty = { revision, closed: false, ...noCounts(), channels: {} };
        const read = async () => (await ledger(deps, params.id, revision)) ?? empty;
        if (!c.req.raw.headers.get("accept")?.includes("text/event-stream")) return { status: 200, body: await read() };
        return ledgerStream(read, { streams: deps.streams === true, signal: c.req.raw.signal, stands });
      },
    ),
    route(
      {
        method: "get",
        path: "/announcements/{id}/rehearsal",
        who: ["editor"],
        tag,
        summary: {
          zh: "预演：发给多少人、什么内容、各渠道要多久",
          en: "Before anything is sent: audience, text and time per channel",
        },
        answers: { 200: RehearsalBody },
      },
      async ({ c, caller, params }) => {
        const manuscript = await readManuscript(deps, caller, params.id);
        const { content, contentHash, announcement, column } = manuscript;
        const topics = topicsOf({ content, audience: announcement.audience });
        const { estimated, channels: found } = await rehearse(deps, topics, { ...column, content });
        const audience = Object.values(found).reduce((sum, { endpoints }) => sum + endpoints, 0);
        const canaries = Object.values(found).reduce((sum, one) => sum + one.canaries, 0);
        const links = linksOf(deps);
        const text = { title: content.title, summary: summaryOf(content), url: links.announcement(params.id) };
        const revision = asRevision(manuscript, deps.now());
        const channels = Object.fromEntries(
          await Promise.all(
            Object.entries(found).map(async ([name, rehearsed]) => [
              name,
              await rehearsedBody(deps.channels[name as ChannelName], rehearsed, revision, links, languageOf(c)),
            ]),
          ),
        );
        return { status: 200, body: { audience, canaries, estimated, text, contentHash, channels } };
      },
    ),
    route(
      {
        method: "get",
        path: "/deliveries",
        who: ["editor"],
        tag,
        summary: { zh: "逐条推送及每次尝试", en: "Deliveries with their attempts" },
        query: z.strictObject({
          ...PAGE,
          announcement: z.string().max(64),
          revision: revisionNumber.optional(),
          endpoint: z.string().max(2048).optional(),
          state: z.enum(DELIVERY_STATES).optional(),
        }),
        answers: { 200: pageSchema(Row).extend({ absent: AbsenceBody.optional() }) },
      },
      async (call) => {
        const { announcement: id, state, endpoint } = call.query;
        const announcement = await readForLedger(deps, call.caller, id);
        if (endpoint !== undefined) {
          const keys = await findEndpoints(deps, endpoint);
          const found = await Promise.all(keys.map((key) => deliveriesTo(deps, id, announcement.revision, key)));
          const rows = found.flat();
          const items = rows.filter((row) => state === undefined || row.state === state);
          const { revision } = announcement;
          const absent = rows.length > 0 ? undefined : await whyAbsent(deps, { id, revision, endpoints: keys });
          return listed(deps, call, { items }, undefined, absent && { absent });
        }
        const fanout = await findFanout(deps.table, id, call.query.revision ?? announcement.revision);
        if (!fanout) return listed(deps, call, { items: [] });
        return listed(
          deps,
          call,
          await listDeliveries(deps, fanout, { ...nextOf(call), ...(state === undefined ? {} : { state }) }),
        );
      },
    ),
  ];
}

function noLedger(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: "没有这条记录", en: "there is no such record" });
}
