import type { Text } from "#src/text.ts";
import { shownAmount } from "./amount.ts";
import { NONE_DECLARED, stateOf } from "./declared.ts";
import { AMOUNTS, type FieldName, type Fields } from "./fields.ts";
import { FIELD_NAMES, LABELS } from "./labels.ts";

/** One field for readers, in the order of the published page. */
export type Row = { name: FieldName; label: Text; state: "value" | "none_declared" | "missing"; text: Text };

/** Every field that says something, with 无 as the declaration it is; `all` keeps the ones on which nothing is said. */
export function rowsOf(fields: Fields, options: { all?: boolean } = {}): Row[] {
  return FIELD_NAMES.map((name) => ({
    name,
    label: LABELS[name],
    state: stateOf(fields[name]),
    text: shown(fields, name),
  })).filter((row) => options.all || row.state !== "missing");
}

function shown(fields: Fields, name: FieldName): Text {
  const value = fields[name];
  if (value === null) return { zh: "未填写", en: "not stated" };
  if (value === NONE_DECLARED) return { zh: "无", en: "none (declared)" };
  if (typeof value === "number")
    return same(AMOUNTS.some((amount) => amount === name) ? shownAmount(value) : String(value));
  if (typeof value === "string") return same(value);
  return same(value.map(entry).join("\n"));
}

type Entry = Exclude<Fields["onlineName" | "qualifications" | "donations"], null | string>[number];

function entry(item: Entry): string {
  if (typeof item === "string") return item;
  if ("donor" in item) {
    const { donor, amount, purpose, term, used, balance } = item;
    const sums = `捐赠${shownAmount(amount)}，已使用${shownAmount(used)}，结余${shownAmount(balance)}`;
    return `${donor}：${sums}；用途：${purpose}${term === undefined ? "" : `；约定：${term}`}`;
  }
  const validity = item.from || item.to ? `（${item.from ?? ""}至${item.to ?? ""}）` : "";
  return `${item.name}${item.number ? ` ${item.number}` : ""}${validity}`;
}

function same(text: string): Text {
  return { zh: text, en: text };
}
