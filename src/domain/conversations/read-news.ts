import { listPublished, type Teaser } from "#src/domain/announcements/read.ts";
import type { ChatDeps } from "./answer-chat.ts";
import type { Command } from "./command.ts";
import { dateIn } from "./dates.ts";
import { findColumns, shownColumn } from "./find-columns.ts";
import type { Place } from "./said.ts";
import { message, shown } from "./shown.ts";
import { asSaid, type Speak, unknownColumn } from "./words.ts";

const SHOWN = 5;

/** `latest`: of one column, or of all. Undefined when the words behind a command without a space name no column. */
export async function latest(
  deps: ChatDeps,
  place: Place,
  { rest, joined }: Command,
  speak: Speak,
): Promise<string | undefined> {
  const { everything, columns, unknown } = await findColumns(deps, rest);
  if (unknown.length > 0) return joined ? undefined : unknownColumn(place, unknown, speak);
  const column = everything ? undefined : columns[0];
  const { items } = await listPublished(deps, { list: column ? `column:${column.slug}` : "all", limit: SHOWN });
  const name = column ? shownColumn(column, speak.language) : speak.t("全部栏目", "All columns");
  if (items.length === 0) return speak.t(`${name}：还没有公告。`, `${name}: nothing has been announced yet.`);
  return told(deps, speak.t(`${name}，最新${items.length}条`, `${name}, the latest ${items.length}`), items, speak);
}

/** `search`: words that title, summary or tags of a public announcement must all contain. */
export async function search(deps: ChatDeps, place: Place, { rest }: Command, speak: Speak): Promise<string> {
  if (rest === "") {
    const one = asSaid(place, speak, "搜索 停水", "search water");
    return speak.t(`请写上要找的词，例如：${one}`, `Say what to look for, such as: ${one}`);
  }
  const words = shown(rest, 40);
  const found: Teaser[] = [];
  for (let after: string | undefined, pages = 0; pages < 2 && found.length < SHOWN; pages++) {
    const page = await listPublished(deps, {
      list: "all",
      limit: SHOWN - found.length,
      q: rest.slice(0, 100),
      ...(after === undefined ? {} : { after }),
    });
    found.push(...page.items);
    after = page.next;
    if (after === undefined) break;
  }
  if (found.length === 0) return speak.t(`没有找到“${words}”。`, `Nothing was found for “${words}”.`);
  return told(
    deps,
    speak.t(`“${words}”，最近${found.length}条`, `“${words}”, the newest ${found.length}`),
    found,
    speak,
  );
}

function told(deps: ChatDeps, heading: string, items: Teaser[], speak: Speak): string {
  const marks: Record<Teaser["kind"], string> = {
    published: "",
    corrected: speak.t("【更正】", "[Correction] "),
    withdrawn: speak.t("【撤回】", "[Withdrawn] "),
  };
  return message([
    heading,
    ...items.map(({ id, kind, title, unitName, publishedAt }, i) => {
      const line = `${i + 1}. ${marks[kind]}${shown(title, 50)}`;
      const source = `${shown(unitName, 20)}${speak.t("，", ", ")}${dateIn(publishedAt, speak.language)}`;
      return `${line}${speak.t(`（${source}）`, ` (${source})`)}\n${deps.baseUrl}/announcements/${id}`;
    }),
  ]);
}
