import type { Column } from "#src/domain/announcements/column.ts";
import { listColumns } from "#src/domain/announcements/columns.ts";
import type { Topic } from "#src/domain/subscriptions/topic.ts";
import { getUnit } from "#src/domain/units/read.ts";
import type { WebDeps } from "#src/web/app.ts";
import type { View } from "./view.ts";
import { columnName } from "./words.ts";

/** Says topics as people do. */
export type TopicWords = { columns: Column[]; say(topic: Topic): string };

/** Names of columns and of the units that these topics speak of, read once for a page. */
export async function topicWords(
  deps: Pick<WebDeps, "table">,
  view: View,
  topics: readonly Topic[],
): Promise<TopicWords> {
  const { t } = view;
  const plain = topics.flatMap((topic) => (typeof topic === "string" ? [topic] : topic.all));
  const ids = [...new Set(plain.filter((topic) => topic.startsWith("unit:")).map((topic) => topic.slice(5)))];
  const [columns, units] = await Promise.all([listColumns(deps), Promise.all(ids.map((id) => getUnit(deps, id)))]);
  const named = new Map(ids.map((id, i) => [id, units[i]?.name ?? id]));
  const say = (topic: string): string => {
    if (topic === "all") return t("全部公告", "All announcements");
    if (topic === "urgency:urgent") return t("紧急公告", "Urgent announcements");
    const [kind = "", rest = ""] = [topic.split(":", 1)[0], topic.slice(topic.indexOf(":") + 1)];
    if (kind === "column") {
      const found = columns.find(({ slug }) => slug === rest);
      return t("栏目：", "Column: ") + (found ? columnName(view, rest, found.name) : rest);
    }
    if (kind === "unit") return t("单位：", "Unit: ") + (named.get(rest) ?? rest);
    if (kind === "tag") return t("标签：", "Tag: ") + rest;
    return t("值班提醒", "Duty alarms");
  };
  return {
    columns: columns.filter(({ slug }) => slug !== "home"),
    say: (topic) => (typeof topic === "string" ? say(topic) : topic.all.map(say).join(t("，且", " and "))),
  };
}
