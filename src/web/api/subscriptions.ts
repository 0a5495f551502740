import { z } from "zod";
import { hasRole } from "#src/domain/members/member.ts";
import { queueLeaving } from "#src/domain/subscriptions/ask-endpoint.ts";
import { changeSubscription } from "#src/domain/subscriptions/change.ts";
import { shownAddress } from "#src/domain/subscriptions/channel.ts";
import { confirmByChallenge } from "#src/domain/subscriptions/confirm-by-challenge.ts";
import { importSubscriptions } from "#src/domain/subscriptions/import.ts";
import { listSubscriptions } from "#src/domain/subscriptions/list.ts";
import { readSubscription } from "#src/domain/subscriptions/manage.ts";
import {
  ImportedSubscription,
  NewSubscription,
  SubscriptionChange,
} from "#src/domain/subscriptions/new-subscription.ts";
import { type Subscribed, subscribe } from "#src/domain/subscriptions/subscribe.ts";
import {
  END_REASONS,
  Frequency,
  QuietHours,
  type Subscription,
  SubscriptionStatus,
} from "#src/domain/subscriptions/subscription.ts";
import { Topics } from "#src/domain/subscriptions/topic.ts";
import { unsubscribe } from "#src/domain/subscriptions/unsubscribe.ts";
import { AppError } from "#src/errors.ts";
import { say } from "#src/text.ts";
import { forbidden } from "#src/web/auth.ts";
import { readJson } from "#src/web/body.ts";
import { checked } from "#src/web/input.ts";
import type { ApiDeps } from "./deps.ts";
import { listed, nextOf, PAGE, pageSchema } from "./list.ts";
import { once, onceInSteps } from "./once.ts";
import { type Call, ifMatch, languageOf, type Route, route } from "./route.ts";

const SubscriptionBody = z
  .object({
    id: z.string(),
    version: z.number(),
    status: SubscriptionStatus(),
    endpoint: z.object({ channel: z.string(), address: z.string() }),
    topics: Topics(),
    frequency: Frequency(),
    quietHours: QuietHours().optional(),
    language: z.enum(["zh-CN", "en"]),
    /** The endpoint key of the first choice, and the minutes after which this one takes over. */
    fallbackFor: z.object({ endpoint: z.string() }).optional(),
    afterMinutes: z.number().optional(),
    requestedAt: z.string(),
    confirmedAt: z.string().optional(),
    endedAt: z.string().optional(),
    endedBecause: z.enum(END_REASONS).optional(),
    basis: z.string().optional(),
  })
  .meta({ id: "Subscription" });

/** Token and secret are shown this once. */
const SubscribedBody = SubscriptionBody.extend({
  manageToken: z.string().optional(),
  secret: z.string().optional(),
}).meta({ id: "SubscribedOnce" });

const Imported = z
  .object({
    accepted: z.number(),
    rejected: z.number(),
    errors: z.array(z.object({ line: z.number(), code: z.string(), detail: z.string() })),
  })
  .meta({ id: "SubscriptionImport" });

function subscriptionBody(
  { channels }: Pick<ApiDeps, "channels">,
  subscription: Subscription,
): z.infer<typeof SubscriptionBody> {
  const { id, version, status, channel, address, topics, frequency, quietHours, language } = subscription;
  const { requestedAt, confirmedAt, endedAt, endedBecause, basis, after } = subscription;
  return {
    id,
    version,
    status,
    endpoint: { channel, address: shownAddress(channels, channel, address) },
    topics,
    frequency,
    ...(quietHours ? { quietHours } : {}),
    language,
    ...(after ? { fallbackFor: { endpoint: after.endpoint }, afterMinutes: after.minutes } : {}),
    requestedAt,
    ...(confirmedAt ? { confirmedAt } : {}),
    ...(endedAt ? { endedAt } : {}),
    ...(endedBecause ? { endedBecause } : {}),
    ...(basis ? { basis } : {}),
  };
}

function subscribedBody(deps: Pick<ApiDeps, "channels">, { subscription, manageToken, secret }: Subscribed) {
  return {
    ...subscriptionBody(deps, subscription),
    manageToken,
    ...(secret === undefined ? {} : { secret: `whsec_${secret}` }),
  };
}

function readLine(text: string): ImportedSubscription {
  return checked(ImportedSubscription, readJson(text));
}

const Confirmation = z.strictObject({ challenge: z.string().min(1).max(200) }).meta({ id: "Confirmation" });

const Confirmed = z.object({ id: z.string(), status: SubscriptionStatus() }).meta({ id: "ConfirmedSubscription" });

const tag = "subscriptions";

export function subscriptionRoutes(deps: ApiDeps): Route[] {
  /** The bearer of the manage token, or an admin; another token that stands is known, but has no right here. */
  const managed = ({
    caller,
    bearer,
    params,
  }: Pick<Call<"holder">, "caller" | "bearer"> & { params: { id: string } }) => {
    if (caller && !hasRole(caller, "admin")) throw forbidden();
    return readSubscription(deps, params.id, caller ? { admin: true } : { manageToken: bearer ?? "" });
  };
  return [
    route(
      {
        method: "post",
        path: "/subscriptions",
        who: "public",
        tag,
        summary: { zh: "申请订阅，由接收端确认后生效", en: "Ask for a subscription; its endpoint has to confirm it" },
        body: NewSubscription.meta({ id: "NewSubscription" }),
        creates: true,
        answers: { 202: SubscribedBody },
      },
      (call) =>
        once(
          deps,
          call,
          (commit) => subscribe({ ...deps, commit }, call.body),
          (subscribed) => ({
            status: 202,
            body: subscribedBody(deps, subscribed),
            version: subscribed.subscription.version,
            headers: { location: `/api/v1/subscriptions/${subscribed.subscription.id}` },
          }),
          { hide: ({ manageToken: _m, secret: _s, ...rest }: ReturnType<typeof subscribedBody>) => rest },
        ),
    ),
    route(
      {
        method: "get",
        path: "/subscriptions",
        who: ["admin"],
        tag,
        summary: { zh: "全部未结束的订阅", en: "All subscriptions that have not ended" },
        query: z.strictObject(PAGE),
        answers: { 200: pageSchema(SubscriptionBody) },
      },
      async (call) =>
        listed(deps, call, await listSubscriptions(deps, nextOf(call)), (one) => subscriptionBody(deps, one)),
    ),
    route(
      {
        method: "get",
        path: "/subscriptions/{id}",
        who: "holder",
        tag,
        summary: { zh: "查看订阅", en: "A subscription" },
        answers: { 200: SubscriptionBody },
      },
      async (call) => {
        const subscription = await managed(call);
        return { status: 200, body: subscriptionBody(deps, subscription), version: subscription.version };
      },
    ),
    route(
      {
        method: "patch",
        path: "/subscriptions/{id}",
        who: "holder",
        tag,
        summary: {
          zh: "修改订阅；换地址须重新确认",
          en: "Change a subscription; another address has to confirm again",
        },
        body: SubscriptionChange.meta({ id: "SubscriptionChange" }),
        edits: true,
        answers: { 200: SubscriptionBody },
      },
      async (call) => {
        const changed = await changeSubscription(deps, await managed(call), ifMatch(call), call.body);
        return { status: 200, body: subscriptionBody(deps, changed), version: changed.version };
      },
    ),
    route(
      {
        method: "delete",
        path: "/subscriptions/{id}",
        who: "holder",
        tag,
        summary: { zh: "退订", en: "Unsubscribe" },
        answers: { 204: null },
      },
      async (call) => {
        const subscription = await managed(call);
        await unsubscribe(deps, subscription);
        if (call.caller) await queueLeaving(deps, subscription, "denied"); // ended by us, not by its owner
        return { status: 204 };
      },
    ),
    route(
      {
        method: "post",
        path: "/subscriptions/{id}/confirm",
        who: "public",
        tag,
        summary: {
          zh: "接收端交回收到的质询，订阅随即生效",
          en: "The endpoint hands back the challenge it was sent, which turns the subscription on",
        },
        body: Confirmation,
        limit: "guesses",
        answers: { 200: Confirmed },
      },
      async (call) => {
        const { challenge } = call.body;
        const subscription = await confirmByChallenge(deps, { subscriptionId: call.params.id, challenge });
        if (subscription) return { status: 200, body: { id: subscription.id, status: subscription.status } };
        throw new AppError("not-found", "CHALLENGE", {
          zh: "质询不正确或已失效",
          en: "this challenge is wrong or does not stand any more",
        });
      },
    ),
    route(
      {
        method: "post",
        path: "/subscriptions/import",
        who: ["admin"],
        tag,
        summary: { zh: "批量导入订阅，每行一条", en: "Take in many subscriptions, one a line" },
        text: ["application/x-ndjson"],
        bodyLimit: 16 * 1024 * 1024,
        creates: true,
        answers: { 200: Imported },
      },
      (call) =>
        onceInSteps(deps, call, async () => {
          const { errors, ...counts } = await importSubscriptions({ ...deps, readLine }, call.text, call.caller.id);
          const language = languageOf(call.c);
          const told = errors.map(({ line, code, detail }) => ({ line, code, detail: say(detail, language) }));
          return { status: 200, body: { ...counts, errors: told } };
        }),
    ),
  ];
}
