import { z } from "zod";
import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { chineseDate, shanghaiDate, shanghaiMinute } from "#src/domain/calendar/dates.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";
import { PRODUCT, type Text } from "#src/text.ts";
import { Case, type CaseType } from "./case.ts";
import type { Reads } from "./store.ts";

const ALARMS_A_WINDOW = 20;
const KEEP_SECONDS = 86_400;

export const CASE_TYPE_NAMES: Record<CaseType, Text> = {
  scam_site: { zh: "诈骗网站", en: "scam site" },
  defaced_official_site: { zh: "官方网站被篡改", en: "defaced official site" },
  rumour: { zh: "谣言", en: "rumour" },
  service_complaint: { zh: "服务投诉", en: "complaint about a service" },
  suggestion: { zh: "建议", en: "suggestion" },
  other: { zh: "其他", en: "other" },
};

const Window = z.object({
  /** The cases that got an alarm of their own. */
  numbers: z.array(z.string()),
  /** Whether the one alarm for all the rest is out. */
  flooded: z.boolean(),
  version: z.int(),
});
type Window = z.infer<typeof Window>;

type Deps = Reads & {
  now: () => Date;
  baseUrl: string;
  /** Kept by whoever calls for many cases: the last window that changes no more, so that it is read once. */
  flooded?: Map<string, Window>;
};

/** What an alarm needs of a case. */
const AlarmingCase = Case.pick({ number: true, type: true, unitId: true, receivedAt: true, dueAt: true });
export type AlarmingCase = z.infer<typeof AlarmingCase>;

/**
 * Alarms about one case of the change feed after another. Those for which the alarm of a flood stands already, which are
 * nearly all when there are many, need nothing and are known by two of their fields.
 */
export function dutyAlarms(deps: Omit<Deps, "flooded">): (item: Item) => Promise<void> | undefined {
  const flooded = new Map<string, Window>();
  return (item) => {
    const { receivedAt, unitId, number } = item;
    const window = flooded.size > 0 && unitId === undefined ? flooded.get(windowOf(String(receivedAt))) : undefined;
    if (window && !window.numbers.includes(String(number))) return undefined;
    return alarmDuty({ ...deps, flooded }, AlarmingCase.parse(item));
  };
}

/** When the window of an instant began, both as `toISOString` writes them: windows are ten minutes of the clock. */
function windowOf(receivedAt: string): string {
  return `${receivedAt.slice(0, "2026-01-01T08:1".length)}0:00.000Z`;
}

/**
 * Alarms the people on duty about a case of the change feed, once: an internal announcement on the topic `duty` and,
 * if the case names a unit, `duty:<unitId>`. From the 21st case of ten minutes on, one alarm stands for all the rest,
 * and one for those of a unit.
 */
export async function alarmDuty(deps: Deps, stored: AlarmingCase): Promise<void> {
  const startsAt = windowOf(stored.receivedAt);
  // Every lost race is another's step towards a full window, so this many always reach the end.
  for (let tries = 0; tries < ALARMS_A_WINDOW + 5; tries++) {
    const window = await readWindow(deps, startsAt);
    if (window?.numbers.includes(stored.number)) return alarm(deps, stored);
    const numbers = window?.numbers ?? [];
    if (numbers.length < ALARMS_A_WINDOW) {
      await putWindow(deps, startsAt, window, { numbers: [...numbers, stored.number], flooded: false });
    } else {
      if (stored.unitId !== undefined) await alarmFlood(deps, startsAt, stored.unitId);
      if (window?.flooded) return;
      await alarmFlood(deps, startsAt);
      if (await putWindow(deps, startsAt, window, { numbers, flooded: true })) return;
    }
  }
  throw new AppError("unavailable", "BUSY", { zh: "请稍后再试", en: "try again in a moment" });
}

async function readWindow(deps: Deps, startsAt: string): Promise<Window | undefined> {
  const known = deps.flooded?.get(startsAt);
  if (known) return known;
  const item = await deps.table.get(keys.dutyWindow(startsAt));
  const window = item && Window.parse(item);
  if (window?.flooded && deps.flooded) {
    deps.flooded.clear();
    deps.flooded.set(startsAt, window);
  }
  return window;
}

async function putWindow(
  deps: Deps,
  startsAt: string,
  before: Window | undefined,
  after: Omit<Window, "version">,
): Promise<boolean> {
  const expiresAt = Math.floor(deps.now().getTime() / 1000) + KEEP_SECONDS;
  const item = { ...keys.dutyWindow(startsAt), ...after, version: (before?.version ?? 0) + 1, expiresAt };
  const condition = before ? { version: before.version } : ({ absent: true } as const);
  return (await deps.table.write([{ put: item, if: condition }])).ok;
}

async function alarm(deps: Deps, stored: AlarmingCase): Promise<void> {
  const due = chineseDate(shanghaiDate(new Date(stored.dueAt)));
  const summary = `${shanghaiMinute(new Date(stored.receivedAt))}收到，须于${due}前办结。`;
  await announce(deps, ["duty-alarm", stored.number], {
    title: `新事项 ${CASE_TYPE_NAMES[stored.type].zh} ${stored.number}`,
    summary,
    link: `${deps.baseUrl}/console?case=${stored.number}`,
    topics: stored.unitId === undefined ? ["duty"] : ["duty", `duty:${stored.unitId}`],
  });
}

async function alarmFlood(deps: Deps, startsAt: string, unitId?: string): Promise<void> {
  const from = shanghaiMinute(new Date(startsAt));
  const ofUnit = unitId === undefined ? [] : [unitId];
  await announce(deps, ["duty-flood", startsAt, ...ofUnit], {
    title: `${from}起10分钟内新事项超过${ALARMS_A_WINDOW}件`,
    summary: "其余新事项不再逐件提醒，请到控制台查看。",
    link: `${deps.baseUrl}/console`,
    topics: [["duty", ...ofUnit].join(":")],
  });
}

async function announce(
  deps: Deps,
  idSeed: [string, ...string[]],
  alarm: { title: string; summary: string; link: string; topics: string[] },
): Promise<void> {
  await publishInternal(deps, {
    content: {
      title: alarm.title,
      summary: alarm.summary,
      body: `${alarm.summary}\n\n<${alarm.link}>`,
      column: DUTY_COLUMN.slug,
      unitId: "duty",
      tags: [],
      urgency: "urgent",
      language: "zh-CN",
    },
    unitName: PRODUCT.zh,
    idSeed,
    topics: alarm.topics,
    endpoints: [],
  });
}
