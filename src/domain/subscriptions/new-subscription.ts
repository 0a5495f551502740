import { z } from "zod";
import { fault } from "#src/errors.ts";
import { Frequency, QuietHours } from "./subscription.ts";
import { PublicTopics, Topics } from "./topic.ts";

export const NewEndpoint = z.strictObject({
  channel: z.string().min(1).max(32),
  address: z.string().trim().min(1).max(2048),
  /** In the form of its channel. */
  secret: z.string().trim().min(1).max(300).exactOptional(),
});
export type NewEndpoint = z.infer<typeof NewEndpoint>;

const wishes = {
  frequency: Frequency.default("now"),
  quietHours: QuietHours.exactOptional(),
  language: z.enum(["zh-CN", "en"]).default("zh-CN"),
};

export const NewSubscription = z.strictObject({ endpoint: NewEndpoint, topics: PublicTopics, ...wishes });
export type NewSubscription = z.infer<typeof NewSubscription>;

/** One line of an import. It is confirmed without asking the endpoint only on a named basis. */
export const ImportedSubscription = z
  .strictObject({
    endpoint: NewEndpoint,
    topics: Topics,
    ...wishes,
    confirmed: z.boolean().default(false),
    basis: z.string().trim().min(2).max(500).exactOptional(),
  })
  .refine(({ confirmed, basis }) => !confirmed || basis !== undefined, {
    path: ["basis"],
    error: fault("BASIS_REQUIRED", "直接确认须写明依据", "confirming without asking needs a basis"),
  });
export type ImportedSubscription = z.infer<typeof ImportedSubscription>;

export const SubscriptionChange = z.strictObject({
  endpoint: NewEndpoint.partial().exactOptional(),
  topics: PublicTopics.exactOptional(),
  frequency: Frequency.exactOptional(),
  quietHours: QuietHours.nullable().exactOptional(),
  language: z.enum(["zh-CN", "en"]).exactOptional(),
});
export type SubscriptionChange = z.infer<typeof SubscriptionChange>;
