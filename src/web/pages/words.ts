import type { Column } from "#src/domain/announcements/column.ts";
import { englishColumnName } from "#src/domain/announcements/column-names.ts";
import type { View } from "./view.ts";

/** A column's name for this reader: the columns of the first start have an English one until a county renames them. */
export function columnName(view: View, slug: string, name: string): string {
  return view.language === "en" ? (englishColumnName(slug, name) ?? name) : name;
}

export function columnKind(view: View, kind: Column["kind"]): string {
  const { t } = view;
  const names = {
    news: t("动态", "news"),
    notice: t("通知", "notices"),
    policy: t("政策", "policy"),
    alert: t("预警", "alerts"),
  };
  return names[kind];
}
