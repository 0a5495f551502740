import { confirmByCode } from "#src/domain/subscriptions/confirm.ts";
import { AppError } from "#src/errors.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import type { Table } from "#src/platform/table.ts";
import { type Language, PRODUCT } from "#src/text.ts";
import { allow, mayHelp } from "./allowance.ts";
import { type Command, readCommand } from "./command.ts";
import { type Dialogue, readDialogue } from "./dialogue.ts";
import { heard, languageOf } from "./heard.ts";
import { rememberManager } from "./managers.ts";
import { progress } from "./progress.ts";
import { latest, search } from "./read-news.ts";
import { askedAgain, beginReport, cancelReport, goOn } from "./report.ts";
import { type Place, placeOf, type Said } from "./said.ts";
import { columns, stop, subscribe, unsubscribe } from "./wishes.ts";
import { asSaid, help, type Speak, speakIn } from "./words.ts";

/** Links in answers start with `baseUrl`. */
export type ChatDeps = { table: Table; bucket: Bucket; now: () => Date; baseUrl: string };

/** As confirmation codes are made: no letter that looks like a digit. Any other word must not count as a wrong guess. */
const CODE = /^[2-9A-HJKMNP-TV-Z]{8}$/;
const LONGEST = 20_000;
const CANCEL = /^(?:取消|放弃|退出|cancel|quit)$/i;
const INTERRUPTS: readonly Command["name"][] = ["help", "stop", "report", "progress"];

/**
 * What is answered to words from a chat; undefined: nothing. In a room only who calls us gets an answer, and only about
 * our commands; what is for one person (a receipt) is said in a chat of two alone. Acts for the chat it was said in.
 */
export async function answerChat(deps: ChatDeps, said: Said): Promise<string | undefined> {
  const place = placeOf(said);
  const { addressed, words } = heard(said.text.slice(0, LONGEST), said.mentioned);
  const command = readCommand(words);
  const language =
    command?.language ?? languageOf(words) ?? said.language ?? (place.isRoom ? ours(said.text) : "zh-CN");
  const speak = speakIn(language);
  try {
    const code = words.toUpperCase();
    if (CODE.test(code)) {
      const agreed = await agree(deps, place, said, code);
      if (agreed !== undefined) return agreed;
    }
    if (place.isRoom && (!addressed || (!command && words !== ""))) return undefined;
    const dialogue = place.isRoom ? undefined : await readDialogue(deps, place.endpoint);
    if (!command && !dialogue) return await unasked(deps, place, speak);
    const allowed = await allow(deps, "words", place.endpoint);
    if (allowed !== "yes")
      return allowed === "over" ? undefined : speak.t("太快了，请一分钟后再试。", "Too fast; please wait a minute.");
    const answer = dialogue && (await inDialogue(deps, place, said, dialogue, words, command));
    if (answer !== undefined) return answer;
    const obeyed = command && (await obey(deps, place, said, command, speak));
    if (obeyed !== undefined) return obeyed;
    const asked = dialogue && askedAgain(deps, dialogue, speakIn(dialogue.language));
    return asked ?? (place.isRoom ? undefined : await unasked(deps, place, speak));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error.kind === "unavailable")
      return speak.t("暂时无法处理，请稍后再试。", "Not possible for the moment; please try again later.");
    return speak.say(error.detail);
  }
}

function ours(text: string): Language {
  return text.toLowerCase().includes(PRODUCT.en.toLowerCase()) ? "en" : "zh-CN";
}

/** Words that nobody asked for get the short help, seldom. */
async function unasked(deps: ChatDeps, place: Place, speak: Speak): Promise<string | undefined> {
  return (await mayHelp(deps, place.endpoint)) ? help(place, speak) : undefined;
}

async function agree(deps: ChatDeps, place: Place, said: Said, code: string): Promise<string | undefined> {
  const { channel, address } = place;
  const [confirmed] = await confirmByCode(deps, { channel, address, code });
  if (!confirmed) return undefined;
  await rememberManager(deps, place, said);
  const speak = speakIn(confirmed.language);
  const stops = asSaid(place, speak, "停止", "stop");
  return speak.t(
    `已确认，公告将推送到这里。回复“${stops}”可随时停止。`,
    `Confirmed: announcements will be sent here. Say “${stops}” to end it.`,
  );
}

/** While a report is open its questions come first; undefined: the words are something else. */
async function inDialogue(
  deps: ChatDeps,
  place: Place,
  said: Said,
  dialogue: Dialogue,
  words: string,
  command: Command | undefined,
): Promise<string | undefined> {
  const speak = speakIn(dialogue.language);
  if (dialogue.step !== "sent" && CANCEL.test(words)) return cancelReport(deps, place, speak);
  if (command && INTERRUPTS.includes(command.name) && (command.rest === "" || command.name === "progress"))
    return undefined;
  return goOn(deps, place, dialogue, said.text.slice(0, LONGEST), speak);
}

function obey(
  deps: ChatDeps,
  place: Place,
  said: Said,
  command: Command,
  speak: Speak,
): string | undefined | Promise<string | undefined> {
  switch (command.name) {
    case "help":
      return help(place, speak);
    case "columns":
      return columns(deps, place, speak);
    case "subscribe":
      return subscribe(deps, place, said, command, speak);
    case "unsubscribe":
      return unsubscribe(deps, place, said, command, speak);
    case "latest":
      return latest(deps, place, command, speak);
    case "search":
      return search(deps, place, command, speak);
    case "report":
      return beginReport(deps, place, speak);
    case "progress":
      return progress(deps, place, command, speak);
    case "address":
      return place.address;
    case "stop":
      return stop(deps, place, said, speak);
  }
}
