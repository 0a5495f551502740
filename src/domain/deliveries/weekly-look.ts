import { z } from "zod";
import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { getColumn } from "#src/domain/announcements/columns.ts";
import { addDays, chineseDate, shanghaiDate, shanghaiInstant, weekday } from "#src/domain/calendar/dates.ts";
import { listSubscriptions } from "#src/domain/subscriptions/list.ts";
import { EndpointMark } from "#src/domain/subscriptions/store.ts";
import { END_REASONS, type EndReason } from "#src/domain/subscriptions/subscription.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";
import { PRODUCT, type Text } from "#src/text.ts";

export type WeekDeps = {
  table: Table;
  now: () => Date;
  baseUrl: string;
  hasUnit: (id: string) => Promise<boolean>;
};

/** `after`: where the list of subscriptions goes on; `topics`: how many subscriptions name each dead one. */
const Look = schema(() =>
  z.object({
    week: z.string(),
    after: z.string().exactOptional(),
    topics: z.record(z.string(), z.number()),
    doneAt: z.string().exactOptional(),
    version: z.number(),
  }),
);
type Look = z.infer<ReturnType<typeof Look>>;

const CLOCK = "09:00";
const STEP = 500;
const MOST_TOPICS = 200;
const SHOWN = 30;
const DAY_MS = 86_400_000;

const REASONS: Record<EndReason, Text> = {
  gone: { zh: "地址已失效", en: "gone" },
  bounced: { zh: "被退回", en: "bounced" },
  complained: { zh: "被投诉", en: "complained" },
  blocked: { zh: "已屏蔽", en: "blocked" },
  unsubscribed: { zh: "自行退订", en: "unsubscribed" },
  renewed: { zh: "已换新订阅", en: "replaced by a newer one" },
  failing: { zh: "连续失败停用", en: "failing, switched off" },
};

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
  const { after, ...rest } = begun;
  const page = await listSubscriptions({ table }, { limit: STEP, ...(after === undefined ? {} : { after }) });
  const topics = await counted(deps, begun.topics, page.items);
  if (page.next === undefined) await report(deps, week, topics);
  const next: Look = {
    ...rest,
    topics,
    ...(page.next === undefined ? { doneAt: now.toISOString() } : { after: page.next }),
    version: begun.version + 1,
  };
  const put = { ...keys.weeklyLook(), ...next };
  await table.write([{ put, if: known ? { version: known.version } : { absent: true } }]);
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

/** Endpoints that ended in the week before, by reason. */
async function endedSince(table: Table, since: string): Promise<{ endpoint: string; because: EndReason }[]> {
  const found: { endpoint: string; because: EndReason }[] = [];
  for (let after: string | undefined; ; ) {
    const page = await table.query({ pk: "ENDED", ...(after === undefined ? {} : { after }) });
    for (const item of page.items) {
      const mark = EndpointMark().parse(item);
      if (mark.state !== "ended" || mark.at < since) continue;
      found.push({ endpoint: item.sk, because: mark.because ?? "gone" });
    }
    if (page.next === undefined) return found;
    after = page.next;
  }
}

/** Keys and topics only: an address may be a secret, or somebody's own. */
async function report(deps: WeekDeps, week: string, topics: Look["topics"]): Promise<void> {
  const since = new Date(shanghaiInstant(week, CLOCK).getTime() - 7 * DAY_MS).toISOString();
  const ended = await endedSince(deps.table, since);
  const dead = Object.entries(topics).sort((a, b) => b[1] - a[1]);
  if (ended.length === 0 && dead.length === 0) return;
  const counts = END_REASONS.flatMap((because) => {
    const some = ended.filter((one) => one.because === because);
    return some.length > 0 ? [{ because, some }] : [];
  });
  const summary = `上周有${ended.length}个接收端结束或停用，${dead.length}个订阅主题不可能再匹配任何公告。`;
  const body = [
    summary,
    ...counts.map(({ because, some }) => `- ${REASONS[because].zh}（${because}）：${some.length}个。${shown(some)}`),
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

function shown(some: { endpoint: string }[]): string {
  const names = some.slice(0, SHOWN).map(({ endpoint }) => `\`${endpoint}\``);
  return names.join("、") + (some.length > SHOWN ? ` 等` : "");
}
