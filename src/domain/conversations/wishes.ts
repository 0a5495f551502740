import { listColumns } from "#src/domain/announcements/columns.ts";
import { confirmedOf, subscribeByCommand, unsubscribeTopics } from "#src/domain/subscriptions/by-command.ts";
import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import type { ChatDeps } from "./answer-chat.ts";
import type { Command } from "./command.ts";
import { findColumns, type Meant, shownColumn } from "./find-columns.ts";
import { type Managing, manages } from "./managers.ts";
import type { Place, Said } from "./said.ts";
import { message, shown } from "./shown.ts";
import { asSaid, type Speak, unknownColumn } from "./words.ts";

const MOST_SHOWN = 60;

export async function columns(deps: ChatDeps, place: Place, speak: Speak): Promise<string> {
  const [all, open] = await Promise.all([listColumns(deps), confirmedOf(deps, place.endpoint)]);
  const wanted = open.flatMap(({ topics }) => topics);
  const { t, language } = speak;
  return message([
    wanted.includes("all")
      ? t("这里订阅了全部栏目：", "Everything is subscribed here:")
      : t("全部栏目（✓为这里已订阅）：", "All columns (✓ is subscribed here):"),
    ...all.slice(0, MOST_SHOWN).map((column) => {
      const mark = wanted.includes(`column:${column.slug}`) || wanted.includes("all") ? "✓ " : "";
      return `${mark}${shown(shownColumn(column, language), 30)} ${column.slug}`;
    }),
    all.length > MOST_SHOWN ? `…${deps.baseUrl}/subscribe` : undefined,
  ]);
}

/** Undefined: then it was no command. */
export async function subscribe(
  deps: ChatDeps,
  place: Place,
  said: Said,
  command: Command,
  speak: Speak,
): Promise<string | undefined> {
  const { t } = speak;
  const meant = await meantBy(deps, command);
  if (!meant) return undefined;
  const managing = await manages(deps, place, said);
  if (managing !== "yes") return refusal(deps, place, managing, speak);
  const tell = (zh: string, en: string) => asSaid(place, speak, zh, en);
  const all = tell("订阅 全部", "subscribe all");
  if (command.rest === "") {
    const [one, list] = [tell("订阅 通知公告", "subscribe notices"), tell("栏目", "columns")];
    return t(
      `请写上栏目，例如：${one}。发“${list}”看有哪些，全部都要可发：${all}`,
      `Name a column, such as: ${one}. Say “${list}” to see them, or: ${all}`,
    );
  }
  const topics = topicsOf(meant);
  if (topics.length === 0) return unknownColumn(place, meant.unknown, speak);
  const { channel, address } = place;
  const done = await subscribeByCommand(deps, { channel, address, language: speak.language, topics });
  const names = namesOf(meant, speak);
  const rest = meant.unknown.length > 0 ? unknownColumn(place, meant.unknown, speak) : undefined;
  if (done === "too-many")
    return t(`这里的订阅太多了，请改用：${all}`, `There are too many subscriptions here; say: ${all}`);
  if (done === "already") return message([t(`这里已经订阅了${names}。`, `${names}: already subscribed here.`), rest]);
  const [less, none] = [tell("退订 栏目名", "unsubscribe <column>"), tell("停止", "stop")];
  return message([
    t(`已订阅${names}，新公告会推送到这里。`, `${names}: subscribed. New announcements will be sent here.`),
    t(`不想再收可发：${less}，或：${none}`, `To end it say: ${less}, or: ${none}`),
    rest,
  ]);
}

export async function unsubscribe(
  deps: ChatDeps,
  place: Place,
  said: Said,
  command: Command,
  speak: Speak,
): Promise<string | undefined> {
  const { t } = speak;
  const meant = await meantBy(deps, command);
  if (!meant) return undefined;
  if (command.rest === "" || meant.everything) return stop(deps, place, said, speak);
  const managing = await manages(deps, place, said);
  if (managing === "no") return refusal(deps, place, managing, speak);
  const topics = topicsOf(meant);
  if (topics.length === 0) return unknownColumn(place, meant.unknown, speak);
  const names = namesOf(meant, speak);
  const done = await unsubscribeTopics(deps, place.endpoint, topics);
  if (done === "all") {
    const none = asSaid(place, speak, "停止", "stop");
    return t(
      `这里订阅的是全部栏目，不能只去掉其中一个。可先发“${none}”，再逐个订阅想要的栏目。`,
      `Everything is subscribed here, so one column cannot be left out. Say “${none}”, then subscribe the columns you want.`,
    );
  }
  if (done === "none") return t(`这里没有订阅${names}。`, `${names}: not subscribed here.`);
  const left = await confirmedOf(deps, place.endpoint);
  return left.length === 0
    ? t(`已退订${names}，这里不再推送任何内容。`, `${names}: unsubscribed. Nothing more will be sent here.`)
    : t(`已退订${names}。`, `${names}: unsubscribed.`);
}

/** Everything ends here. Where nobody can tell who the room's owner is, anybody may: being left alone comes first. */
export async function stop(deps: ChatDeps, place: Place, said: Said, speak: Speak): Promise<string> {
  const managing = await manages(deps, place, said);
  if (managing === "no") return refusal(deps, place, managing, speak);
  if ((await confirmedOf(deps, place.endpoint)).length === 0)
    return speak.t("这里没有订阅。", "Nothing is subscribed here.");
  await endEndpoint(deps, place.endpoint, "unsubscribed");
  return speak.t("已退订，不再推送。", "Unsubscribed: nothing more will be sent here.");
}

/** Undefined when the words behind a command without a space name no column. */
async function meantBy(deps: ChatDeps, { rest, joined }: Command): Promise<Meant | undefined> {
  const meant = await findColumns(deps, rest);
  return joined && meant.unknown.length > 0 ? undefined : meant;
}

function refusal(deps: ChatDeps, { address }: Place, managing: Managing, { t }: Speak): string {
  if (managing === "no")
    return t(
      "只有群主或管理员可以在群里订阅和退订。",
      "Only the owner or an admin of this room may subscribe or unsubscribe here.",
    );
  return t(
    `我看不到本群的群主是谁。请在 ${deps.baseUrl}/subscribe 用本群地址 ${address} 订阅，再由群主在群里回复确认码；此后由回复的人在群里管理订阅。`,
    `I cannot see who owns this room. Subscribe at ${deps.baseUrl}/subscribe with the address ${address} and let the owner reply with the code here; who replies may then manage it from this room.`,
  );
}

function topicsOf({ everything, columns: named }: Meant): string[] {
  return everything ? ["all"] : named.map(({ slug }) => `column:${slug}`);
}

function namesOf({ everything, columns: named }: Meant, { t, language }: Speak): string {
  if (everything) return t("全部栏目", "All columns");
  return named.map((column) => shown(shownColumn(column, language), 30)).join(t("、", ", "));
}
