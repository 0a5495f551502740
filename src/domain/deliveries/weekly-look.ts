import { z } from "zod";
import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { getColumn } from "#src/domain/announcements/columns.ts";
import { addDays, chineseDate, shanghaiDate, shanghaiInstant, weekday } from "#src/domain/calendar/dates.ts";
import { END_WORDS } from "#src/domain/subscriptions/end-words.ts";
import { listSubscriptions } from "#src/domain/subscriptions/list.ts";
import { EndpointMark } from "#src/domain/subscriptions/store.ts";
import { END_REASONS } from "#src/domain/subscriptions/subscription.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { PRODUCT } from "#src/text.ts";

export type WeekDeps = {
  table: Table;
  now: () => Date;
  baseUrl: string;
  hasUnit: (id: string) => Promise<boolean>;
};

/** Endpoints that ended for one reason: how many, and the first of them. */
type Ended = { count: number; first: string[] };

/**
 * `ended`: by reason, as far as their list was read; `endedAfter`: where it goes on, `*` when it is over. `after`: where the list of
 * subscriptions goes on; `topics`: how many subscriptions name each dead one.
 */
const Look = schema(() =>
  z.object({
    week: z.string(),
    ended: z.record(z.string(), z.object({ count: z.number(), first: z.array(z.string()) })).exactOptional(),
    endedAfter: z.string().exactOptional(),
    after: z.string().exactOptional(),
    topics: z.record(z.string(), z.number()),
    doneAt: z.string().exactOptional(),
    version: z.number(),
  }),
);
type Look = z.infer<ReturnType<typeof Look>>;
type EndedBy = Record<string, Ended>;

const CLOCK = "09:00";
const STEP = 500;
const ENDED_STEP = 1000;
const OVER = "*";
const MOST_TOPICS = 200;
const SHOWN = 30;
const DAY_MS = 86_400_000;

/**
 * Once a week, Monday 09:00 in Shanghai: tells the people on duty in one announcement which endpoints ended or were
 * switched off, and which topics no text can ever match. A step per call, so that a long list does not hold up the tick.
 */
export async function weeklyLook(deps: WeekDeps): Promise<void> {
  const { table } = deps;
  const now = deps.now();
  const week = weekOf(now);
  const item = await table.get(keys.weeklyLook());
  const known = item && Look().parse(item);
  if (known && (known.week > week || (known.week === week && known.doneAt !== undefined))) return;
  const begun: Look = known?.week === week ? known : { week, topics: {}, version: known?.version ?? 0 };
  const next = begun.endedAfter === OVER ? await subscriptionsStep(deps, begun) : await endedStep(table, begun);
  const put = { ...keys.weeklyLook(), ...next, version: begun.version + 1 };
  await table.write([{ put, if: known ? { version: known.version } : { absent: true } }]);
}

/** Who ended in the week before; first, for a mark is kept a week. */
async function endedStep(table: Table, look: Look): Promise<Look> {
  const end = shanghaiInstant(look.week, CLOCK);
  const [since, until] = [new Date(end.getTime() - 7 * DAY_MS).toISOString(), end.toISOString()];
  const after = look.endedAfter === undefined ? {} : { after: look.endedAfter };
  const { items, next } = await table.query({ pk: keys.ended("").pk, limit: ENDED_STEP, ...after });
  const ended: EndedBy = { ...look.ended };
  for (const item of items) {
    const mark = EndpointMark().parse(item);
    if (mark.state !== "ended" || mark.at < since || mark.at >= until) continue;
    const because = mark.because ?? "gone";
    const { count, first } = ended[because] ?? { count: 0, first: [] };
    ended[because] = { count: count + 1, first: first.length < SHOWN ? [...first, item.sk] : first };
  }
  return { ...look, ended, endedAfter: next ?? OVER };
}

async function subscriptionsStep(deps: WeekDeps, look: Look): Promise<Look> {
  const { after, ...rest } = look;
  const options = { limit: STEP, ...(after === undefined ? {} : { after }) };
  const page = await listSubscriptions({ table: deps.table }, options);
  const topics = await counted(deps, look.topics, page.items);
  if (page.next !== undefined) return { ...rest, topics, after: page.next };
  await report(deps, look.week, look.ended ?? {}, topics);
  return { ...rest, topics, doneAt: deps.now().toISOString() };
}

/** The Monday whose nine o'clock was the last one. */
function weekOf(now: Date): string {
  const today = shanghaiDate(now);
  const monday = addDays(today, -((weekday(today) + 6) % 7));
  return now >= shanghaiInstant(monday, CLOCK) ? monday : addDays(monday, -7);
}

type Listed = Awaited<ReturnType<typeof listSubscriptions>>["items"];

async function counted(deps: WeekDeps, before: Look["topics"], subscriptions: Listed): Promise<Look["topics"]> {
  const topics = { ...before };
  const alive = new Map<string, boolean>();
  for (const subscription of subscriptions) {
    if (subscription.status !== "confirmed") continue;
    const words = subscription.topics.flatMap((topic) => (typeof topic === "string" ? [topic] : topic.all));
    for (const word of new Set(words)) {
      if (!alive.has(word)) alive.set(word, await canMatch(deps, word));
      if (alive.get(word)) continue;
      if (word in topics || Object.keys(topics).length < MOST_TOPICS) topics[word] = (topics[word] ?? 0) + 1;
    }
  }
  return topics;
}

async function canMatch(deps: WeekDeps, topic: string): Promise<boolean> {
  const [kind, name = ""] = [topic.slice(0, topic.indexOf(":")), topic.slice(topic.indexOf(":") + 1)];
  if (kind === "column") return (await getColumn(deps, name)) !== undefined;
  if (kind === "unit" || kind === "duty") return deps.hasUnit(name);
  return true;
}

/** Keys and topics only: an address may be a secret, or somebody's own. */
async function report(deps: WeekDeps, week: string, ended: EndedBy, topics: Look["topics"]): Promise<void> {
  const dead = Object.entries(topics).sort((a, b) => b[1] - a[1]);
  const all = Object.values(ended).reduce((sum, { count }) => sum + count, 0);
  if (all === 0 && dead.length === 0) return;
  const summary = `上周有${all}个接收端结束或停用，${dead.length}个订阅主题不可能再匹配任何公告。`;
  const body = [
    summary,
    ...END_REASONS.flatMap((because) => {
      const some = ended[because];
      return some ? [`- ${END_WORDS[because].zh}（${because}）：${some.count}个。${shown(some)}`] : [];
    }),
    ...dead
      .slice(0, SHOWN)
      .map(([topic, count]) => `- 主题 \`${topic.replaceAll("`", "")}\`：栏目或单位不存在，${count}个订阅`),
    ...(dead.length > SHOWN ? [`- 另有${dead.length - SHOWN}个主题`] : []),
    `<${deps.baseUrl}/console>`,
  ].join("\n\n");
  const { publishInternal } = await import("#src/domain/announcements/publish-direct.ts");
  await publishInternal(deps, {
    content: {
      title: `推送周检 ${chineseDate(week)}`,
      ...{ summary, body, column: DUTY_COLUMN.slug, unitId: "duty", tags: [], urgency: "routine", language: "zh-CN" },
    },
    unitName: PRODUCT.zh,
    idSeed: ["weekly-look", week],
    topics: ["duty"],
    endpoints: [],
  });
}

function shown({ count, first }: Ended): string {
  return first.map((endpoint) => `\`${endpoint}\``).join("、") + (count > first.length ? " 等" : "");
}
