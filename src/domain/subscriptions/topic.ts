import { z } from "zod";
import { fault } from "#src/errors.ts";
import { schema } from "#src/schema.ts";

const TOPIC = /^(?:all|urgency:urgent|column:[a-z0-9-]{1,64}|unit:[a-zA-Z0-9_-]{1,64}|tag:\S(?:.{0,48}\S)?)$/u;
const DUTY = /^duty(?::[a-zA-Z0-9_-]{1,64})?$/;

const UNKNOWN_TOPIC = fault(
  "TOPIC",
  "主题应为 all、column:栏目、unit:单位、tag:标签 或 urgency:urgent",
  "a topic is all, column:<slug>, unit:<id>, tag:<text> or urgency:urgent",
);

const word = () => z.string().regex(TOPIC, UNKNOWN_TOPIC);
const internalWord = () => z.string().refine((text) => TOPIC.test(text) || DUTY.test(text), UNKNOWN_TOPIC);

const topicOf = (oneWord: z.ZodType<string>) =>
  z.union([oneWord, z.strictObject({ all: z.array(oneWord).min(1).max(5) })], { error: UNKNOWN_TOPIC });

const listOf = (oneWord: z.ZodType<string>) =>
  z
    .array(topicOf(oneWord))
    .min(1, fault("TOPICS_REQUIRED", "请至少选择一个主题", "at least one topic is needed"))
    .max(20, fault("TOPICS_LIMIT", "主题不得超过20个", "at most 20 topics"));

/** One topic, or several that must all hold. Several topics in a list mean any of them. */
export const Topic = schema(() => topicOf(internalWord()));
export type Topic = z.infer<ReturnType<typeof Topic>>;

/** What anybody may ask for. */
export const PublicTopics = schema(() => listOf(word()));
/** What only an admin may enter for somebody: duty alarms too. */
export const Topics = schema(() => listOf(internalWord()));

const RARE_FIRST = ["duty", "tag", "unit", "column", "urgency", "all"];

function rarity(topic: string): number {
  return RARE_FIRST.indexOf(topic.split(":", 1)[0] ?? "");
}

/**
 * The rows of the topic index that a subscription needs. A conjunction stands under its rarest-looking topic and
 * carries what else must hold; a plain topic needs nothing further, so it swallows the conjunctions under its own row.
 */
export function indexRows(topics: readonly Topic[]): { topic: string; filters?: string[][] }[] {
  const rows = new Map<string, string[][] | undefined>();
  for (const topic of topics) {
    if (typeof topic === "string") {
      rows.set(topic, undefined);
      continue;
    }
    const all = [...new Set(topic.all)];
    const row = all.reduce((rarest, other) => (rarity(other) < rarity(rarest) ? other : rarest));
    if (all.length === 1) rows.set(row, undefined);
    else if (!rows.has(row)) rows.set(row, [all]);
    else rows.get(row)?.push(all);
  }
  return [...rows].map(([topic, filters]) => (filters ? { topic, filters } : { topic }));
}

/** The same wishes in the same text, whatever their order: two imports of them are one. */
export function canonicalTopics(topics: readonly Topic[]): string {
  const texts = topics.map((topic) =>
    typeof topic === "string" ? topic : JSON.stringify([...new Set(topic.all)].sort()),
  );
  return JSON.stringify([...new Set(texts)].sort());
}

/** Whether any of these wishes holds for a text that speaks on `spoken`. */
export function wants(topics: readonly Topic[], spoken: readonly string[]): boolean {
  return topics.some((topic) =>
    typeof topic === "string" ? spoken.includes(topic) : topic.all.every((one) => spoken.includes(one)),
  );
}
