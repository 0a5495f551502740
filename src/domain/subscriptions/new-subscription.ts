import { z } from "zod";
import { isAmbiguousZone } from "#src/domain/calendar/zones.ts";
import { fault } from "#src/errors.ts";
import { Frequency, NO_ZONE, QuietHours } from "./subscription.ts";
import { PublicTopics, Topics } from "./topic.ts";

export const NewEndpoint = z.strictObject({
  channel: z.string().min(1).max(32),
  address: z.string().trim().min(1).max(2048),
  /** In the form of its channel. */
  secret: z.string().trim().min(1).max(300).exactOptional(),
});
export type NewEndpoint = z.infer<typeof NewEndpoint>;

const Quiet = QuietHours().refine(({ timeZone }) => timeZone === undefined || !isAmbiguousZone(timeZone), {
  path: ["timeZone"],
  error: NO_ZONE,
});

const wishes = {
  frequency: Frequency().default("now"),
  quietHours: Quiet.exactOptional(),
  language: z.enum(["zh-CN", "en"]).default("zh-CN"),
};

const MINUTES = fault(
  "FALLBACK_MINUTES",
  "等待时间为1至1440分钟的整数",
  "the wait is a whole number of minutes from 1 to 1440",
);
const minutes = z.int(MINUTES).min(1, MINUTES).max(1440, MINUTES);
const afterMinutes = minutes.exactOptional();
/** Another subscription of the same person, which its manage token shows. */
const FirstChoice = z.strictObject({ subscriptionId: z.string().max(64), manageToken: z.string().max(100) });

type Standing = { fallbackFor?: unknown; afterMinutes?: number; frequency: Frequency };

/** A first choice and its minutes belong together; a digest comes in the morning and stands in for nobody. */
const standsIn = <Wish extends z.ZodType<Standing>>(wish: Wish) =>
  wish
    .refine(({ fallbackFor, afterMinutes }) => (fallbackFor === undefined) === (afterMinutes === undefined), {
      path: ["afterMinutes"],
      error: fault(
        "FALLBACK_MINUTES",
        "fallbackFor 与 afterMinutes 须同时填写",
        "fallbackFor and afterMinutes belong together",
      ),
    })
    .refine(({ fallbackFor, frequency }) => fallbackFor === undefined || frequency === "now", {
      path: ["frequency"],
      error: fault("FALLBACK_FREQUENCY", "备用接收端的频率须为立即", "a fallback wants its texts at once"),
    });

/** `fallbackFor`: the first choice of the same person; this endpoint gets what that one did not get in time. */
export const NewSubscription = standsIn(
  z.strictObject({
    endpoint: NewEndpoint,
    topics: PublicTopics(),
    ...wishes,
    fallbackFor: FirstChoice.exactOptional(),
    afterMinutes,
  }),
);
export type NewSubscription = z.infer<typeof NewSubscription>;

/** One line of an import. It is confirmed without asking the endpoint only on a named basis. */
export const ImportedSubscription = standsIn(
  z.strictObject({
    endpoint: NewEndpoint,
    topics: Topics(),
    ...wishes,
    fallbackFor: NewEndpoint.pick({ channel: true, address: true }).exactOptional(),
    afterMinutes,
    confirmed: z.boolean().default(false),
    basis: z.string().trim().min(2).max(500).exactOptional(),
  }),
).refine(({ confirmed, basis }) => !confirmed || basis !== undefined, {
  path: ["basis"],
  error: fault("BASIS_REQUIRED", "直接确认须写明依据", "confirming without asking needs a basis"),
});
export type ImportedSubscription = z.infer<typeof ImportedSubscription>;

/** `fallbackFor`: null, and it stands in for nobody any more; `afterMinutes` alone: another wait for the same first choice. */
export const SubscriptionChange = z.strictObject({
  endpoint: NewEndpoint.partial().exactOptional(),
  topics: PublicTopics().exactOptional(),
  frequency: Frequency().exactOptional(),
  quietHours: Quiet.nullable().exactOptional(),
  language: z.enum(["zh-CN", "en"]).exactOptional(),
  fallbackFor: FirstChoice.nullable().exactOptional(),
  afterMinutes,
});
export type SubscriptionChange = z.infer<typeof SubscriptionChange>;
