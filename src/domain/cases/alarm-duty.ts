import { z } from "zod";
import { DUTY_COLUMN } from "#src/domain/announcements/column.ts";
import { publishInternal } from "#src/domain/announcements/publish-direct.ts";
import { chineseDate, shanghaiDate, shanghaiMinute } from "#src/domain/calendar/dates.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item } from "#src/platform/table.ts";
import { PRODUCT, type Text } from "#src/text.ts";
import type { Case, CaseType } from "./case.ts";
import { parseCase, type Reads } from "./store.ts";

const WINDOW_MS = 10 * 60_000;
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

const Window = z.object({ numbers: z.array(z.string()), version: z.int() });

type Deps = Reads & { now: () => Date; baseUrl: string };

/**
 * Alarms the people on duty about a case of the change feed, once: an internal announcement on the topic `duty` and,
 * if the case names a unit, `duty:<unitId>`. From the 21st case of ten minutes on, one alarm stands for all the rest.
 */
export function dutyAlarm(deps: Deps): (item: Item) => Promise<void> {
  let flood: { startsAt: string; alarmed: Set<string> } | undefined;
  return async (item) => {
    const received = String(item["receivedAt"]);
    const startsAt = windowOf(received);
    if (flood?.startsAt === startsAt && !flood.alarmed.has(String(item["number"]))) return;
    const stored = parseCase(item);
    const alarmed = await joinWindow(deps, startsAt, stored.number);
    if (alarmed.has(stored.number)) return alarm(deps, stored);
    await alarmFlood(deps, startsAt);
    flood = { startsAt, alarmed };
  };
}

function windowOf(receivedAt: string): string {
  return new Date(Math.floor(Date.parse(receivedAt) / WINDOW_MS) * WINDOW_MS).toISOString();
}

/** The cases of the window that get an alarm of their own, this one among them if there was room. */
async function joinWindow(deps: Deps, startsAt: string, number: string): Promise<Set<string>> {
  const key = keys.dutyWindow(startsAt);
  for (let tries = 0; tries < 10; tries++) {
    const item = await deps.table.get(key);
    const before = item && Window.parse(item);
    const numbers = before?.numbers ?? [];
    if (numbers.includes(number) || numbers.length >= ALARMS_A_WINDOW) return new Set(numbers);
    const after = { numbers: [...numbers, number], version: (before?.version ?? 0) + 1 };
    const expiresAt = Math.floor(deps.now().getTime() / 1000) + KEEP_SECONDS;
    const condition = before ? { version: before.version } : ({ absent: true } as const);
    const written = await deps.table.write([{ put: { ...key, ...after, expiresAt }, if: condition }]);
    if (written.ok) return new Set(after.numbers);
  }
  throw new AppError("unavailable", "BUSY", { zh: "请稍后再试", en: "try again in a moment" });
}

async function alarm(deps: Deps, stored: Case): Promise<void> {
  const due = chineseDate(shanghaiDate(new Date(stored.dueAt)));
  const summary = `${shanghaiMinute(new Date(stored.receivedAt))}收到,须于${due}前办结。`;
  await announce(deps, ["duty-alarm", stored.number], {
    title: `新事项 ${CASE_TYPE_NAMES[stored.type].zh} ${stored.number}`,
    summary,
    link: `${deps.baseUrl}/console?case=${stored.number}`,
    topics: stored.unitId === undefined ? ["duty"] : ["duty", `duty:${stored.unitId}`],
  });
}

async function alarmFlood(deps: Deps, startsAt: string): Promise<void> {
  const from = shanghaiMinute(new Date(startsAt));
  await announce(deps, ["duty-flood", startsAt], {
    title: `${from}起10分钟内新事项超过${ALARMS_A_WINDOW}件`,
    summary: "其余新事项不再逐件提醒,请到控制台查看。",
    link: `${deps.baseUrl}/console`,
    topics: ["duty"],
  });
}

async function announce(
  deps: Deps,
  idSeed: [string, string],
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
