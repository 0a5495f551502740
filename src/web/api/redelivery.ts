import { z } from "zod";
import { readAnnouncement, readForLedger } from "#src/domain/announcements/store.ts";
import { DeliveryRow } from "#src/domain/deliveries/list.ts";
import { replay } from "#src/domain/deliveries/replay.ts";
import { retryAll } from "#src/domain/deliveries/retry-all.ts";
import { retryDelivery } from "#src/domain/deliveries/retry-delivery.ts";
import { settleDelivery } from "#src/domain/deliveries/settle-delivery.ts";
import { type Caller, hasRole, sees } from "#src/domain/members/member.ts";
import { readSubscription } from "#src/domain/subscriptions/manage.ts";
import { AppError, fault } from "#src/errors.ts";
import { forbidden } from "#src/web/auth.ts";
import type { ApiDeps } from "./deps.ts";
import { once, onceInSteps } from "./once.ts";
import { type Route, route } from "./route.ts";

const Row = DeliveryRow.meta({ id: "Delivery" });
const tag = "deliveries";

const Finding = z
  .strictObject({
    state: z.enum(["delivered", "failed"]),
    reason: z
      .string()
      .trim()
      .min(2, fault("REASON", "请写明依据（2至300个字）", "say how you know, in 2 to 300 characters"))
      .max(300, fault("REASON", "请写明依据（2至300个字）", "say how you know, in 2 to 300 characters")),
  })
  .meta({ id: "DeliveryFinding" });

const RetryAll = z
  .strictObject({
    revision: z.int().min(1).max(999_999).optional(),
    state: z.enum(["failed", "unknown"]).default("failed"),
  })
  .meta({ id: "RetryAll" });

const Since = z.strictObject({
  since: z.iso.datetime({ error: fault("TIME", "时间应为 RFC 3339 格式的 UTC 时间", "a time is RFC 3339 in UTC") }),
});

/** What people do about pushes that did not arrive, or of which nobody knows. */
export function redeliveryRoutes(deps: ApiDeps): Route[] {
  return [
    route(
      {
        method: "post",
        path: "/deliveries/{id}/retry",
        who: ["editor"],
        tag,
        summary: {
          zh: "人工重试一条推送，或不等汇总现在就发；接收人正处于免打扰时段的，heldUntil 写明何时推送；渠道限速、配额或设置仍拦着的，waitsFor 和 dueAt 照实写明；备用接收端已代收的须写 anyway=true",
          en: "Try a delivery again now, or send it before its digest; heldUntil when its reader has quiet hours; waitsFor and dueAt where a pace, a quota or a setting still holds it; anyway=true where a fallback got it in its place",
        },
        query: z.strictObject({ anyway: z.enum(["true", "false"]).optional() }),
        creates: true,
        answers: { 202: Row },
      },
      async (call) => {
        await mayAct(deps, call.caller, call.params.id);
        return once(
          deps,
          call,
          (commit) => retryDelivery({ ...deps, commit }, call.params.id, { anyway: call.query.anyway === "true" }),
          (body) => ({ status: 202, body }),
        );
      },
    ),
    route(
      {
        method: "post",
        path: "/deliveries/{id}/settle",
        who: ["editor"],
        tag,
        summary: {
          zh: "人工认定一条结果未知的推送，须写明依据；同一批正在推送的，202，完成后认定（afterChunk）",
          en: "Settle a delivery of unknown outcome by hand, with a reason; 202 and afterChunk while others of its chunk are being sent",
        },
        body: Finding,
        creates: true,
        answers: { 200: Row, 202: Row },
      },
      async (call) => {
        await mayAct(deps, call.caller, call.params.id);
        return once(
          deps,
          call,
          (commit) => {
            const { id: by, name: byName } = call.caller;
            return settleDelivery({ ...deps, commit }, call.params.id, { ...call.body, by, byName });
          },
          (body) => ({ status: body.afterChunk ? 202 : 200, body }),
        );
      },
    ),
    route(
      {
        method: "post",
        path: "/announcements/{id}/retry",
        who: ["editor"],
        tag,
        summary: {
          zh: "重试一个版本中全部失败（或结果未知）的推送",
          en: "Try everything of a revision again that failed, or whose outcome is unknown",
        },
        body: RetryAll,
        creates: true,
        answers: {
          202: z.object({
            announcement: z.string(),
            revision: z.number(),
            state: z.string(),
            deliveries: z.number().meta({ description: "How many are tried again." }),
            leftOut: z.object({ ended: z.number(), servedInstead: z.number() }).meta({
              description: "How many are not: their subscription has ended, or a fallback got it in their place.",
            }),
            unchecked: z.number().meta({
              description:
                "Of `deliveries`: not looked at yet, and left out later if they have to be. 0 below some thousands.",
            }),
            quietHoursHold: z.boolean(),
          }),
        },
      },
      async (call) => {
        const announcement = await readForLedger(deps, call.caller, call.params.id);
        const { revision = announcement.revision, state } = call.body;
        if (revision < 1 || revision > announcement.revision) throw noRecord();
        return onceInSteps(deps, call, async () => ({
          status: 202,
          body: await retryAll(deps, announcement.id, revision, state),
        }));
      },
    ),
    route(
      {
        method: "post",
        path: "/subscriptions/{id}/replay",
        who: "holder",
        tag,
        summary: {
          zh: "补发该接收端自某时起错过的公告（30天内）",
          en: "Give an endpoint what it missed since a moment of the last 30 days",
        },
        body: Since,
        creates: true,
        answers: { 202: z.object({ subscription: z.string(), since: z.string() }) },
      },
      async (call) => {
        const { caller, bearer, params, body } = call;
        if (caller && !hasRole(caller, "admin")) throw forbidden();
        const by = caller ? ({ admin: true } as const) : { manageToken: bearer ?? "" };
        const subscription = await readSubscription(deps, params.id, by);
        return onceInSteps(deps, call, async () => {
          await replay(deps, subscription.endpoint, new Date(body.since));
          return { status: 202, body: { subscription: subscription.id, since: body.since } };
        });
      },
    ),
  ];
}

async function mayAct(deps: ApiDeps, caller: Caller, deliveryId: string): Promise<void> {
  const announcement = await readAnnouncement(deps, deliveryId.split(".")[0] ?? "");
  if (!announcement || !sees(caller, announcement.unitId)) throw noRecord();
}

function noRecord(): AppError {
  return new AppError("not-found", "NOT_FOUND", { zh: "没有这条记录", en: "there is no such record" });
}
