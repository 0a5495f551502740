import { z } from "zod";
import { CHANNELS } from "#src/domain/deliveries/channel.ts";
import type { PlainDeps } from "./deps.ts";
import { type Route, route } from "./route.ts";

const number = z.number();
const share = z.number().nullable();

/** Without a word about which credential it is. */
const PausedBody = z.object({
  because: z.enum(["rate", "quota", "configuration"]),
  credentials: number,
  since: z.string(),
  until: z.string(),
});

const StatusBody = z
  .object({
    at: z.string(),
    days: number,
    fanouts: number,
    open: number,
    channels: z.array(
      z.object({
        name: z.enum(CHANNELS),
        ready: z.boolean(),
        ...{ matched: number, delivered: number, suppressed: number, failed: number, unknown: number, held: number },
        ...{ waiting: number, within10s: number, within60s: number, shareWithin10s: share, shareWithin60s: share },
        oldestWaitingAt: z.string().optional(),
        inDigest: number,
        switchedOff: number,
        paused: z.array(PausedBody),
        canary: z
          .object({ announcements: number, within10s: number, within60s: number, lastMs: number.nullable() })
          .optional(),
      }),
    ),
  })
  .meta({ id: "Status" });

export function statusRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "get",
        path: "/status",
        who: "public",
        tag: "health",
        summary: {
          zh: "各渠道近30天的推送情况：10秒、60秒内送达的比例，积压，失败，停用",
          en: "How each channel did in 30 days: share handed over within 10 and 60 seconds, backlog, failed, switched off",
        },
        answers: { 200: StatusBody },
      },
      async () => ({ status: 200, body: await deps.status() }),
    ),
  ];
}
