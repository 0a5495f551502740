import { CASE_TYPE_NAMES } from "#src/domain/cases/alarm-duty.ts";
import { CASE_TYPES, type CaseType, NewCase } from "#src/domain/cases/case.ts";
import { submit } from "#src/domain/cases/submit.ts";
import { isWebAddress } from "#src/domain/cases/web-address.ts";
import { AppError, readFault } from "#src/errors.ts";
import type { ChatDeps } from "./answer-chat.ts";
import { dateIn } from "./dates.ts";
import { type Dialogue, dialogueItem, endDialogue, putDialogue } from "./dialogue.ts";
import { plainWords } from "./heard.ts";
import type { Place } from "./said.ts";
import { message, shown } from "./shown.ts";
import { onlyDirect, type Speak } from "./words.ts";

const YES = ["确认", "確認", "确定", "提交", "是", "yes", "y", "ok", "confirm"];
const ADDRESSES = /https?:\/\/[^\s<>"'，。；、（）《》【】“”]{1,2048}/giu;
const MOST_ADDRESSES = 10;
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Asks the first question of a report; in a room only says where reports are taken. */
export async function beginReport(deps: ChatDeps, place: Place, speak: Speak): Promise<string> {
  if (place.isRoom) return onlyDirect(speak);
  await putDialogue(deps, place.endpoint, { step: "type", language: speak.language });
  return message([
    speak.t("反映什么事项？请回复数字：", "What is it about? Reply with a number:"),
    ...CASE_TYPES.map((type, i) => `${i + 1} ${speak.say(CASE_TYPE_NAMES[type])}`),
    speak.t("回复“取消”可随时退出。紧急情况请直接拨打110。", "Say “cancel” at any time. In an emergency call 110."),
  ]);
}

export async function cancelReport(deps: ChatDeps, place: Place, speak: Speak): Promise<string> {
  await endDialogue(deps, place.endpoint);
  return speak.t("已取消，什么都没有提交。", "Cancelled; nothing was sent in.");
}

/** Takes one more word of an open report. Undefined: it does not answer what was asked. */
export async function goOn(
  deps: ChatDeps,
  place: Place,
  dialogue: Dialogue,
  text: string,
  speak: Speak,
): Promise<string | undefined> {
  const next = async (change: Partial<Dialogue>, question: string) => {
    const { version: _, ...known } = dialogue;
    const stored = await putDialogue(deps, place.endpoint, { ...known, ...change }, dialogue);
    return stored ? question : speak.t("请再说一遍。", "Please say that again.");
  };
  const words = plainWords(text);
  if (dialogue.step === "type") {
    const type = typeNamed(words);
    if (!type) return undefined;
    return next(
      { type, step: "title" },
      speak.t(
        `${speak.say(CASE_TYPE_NAMES[type])}。请用一句话写标题（4至80个字）：`,
        "Give it a title in one sentence (4 to 80 characters):",
      ),
    );
  }
  if (dialogue.step === "title") {
    const title = NewCase.shape.title.safeParse(clean(text).replace(/\s+/g, " "));
    if (!title.success) return wrong(title.error.issues[0]?.message, speak);
    return next(
      { title: title.data, step: "description" },
      speak.t(
        "请在一条消息里写清时间、地点、经过和网址（10至4000个字）。请不要写他人的身份证号、电话等个人信息。",
        "Now say in one message when, where and what happened, with web addresses (10 to 4,000 characters). Please leave out other people's numbers and identity data.",
      ),
    );
  }
  if (dialogue.step === "description") {
    const description = NewCase.shape.description.safeParse(clean(text));
    if (!description.success) return wrong(description.error.issues[0]?.message, speak);
    return next(
      { description: description.data, step: "confirm" },
      summary(deps, { ...dialogue, description: description.data }, speak),
    );
  }
  if (!YES.includes(words.toLowerCase())) return undefined;
  return dialogue.step === "sent" ? again(dialogue, speak) : sendIn(deps, place, dialogue, speak);
}

/** What is asked while the word before was no answer. */
export function askedAgain(deps: ChatDeps, dialogue: Dialogue, speak: Speak): string | undefined {
  if (dialogue.step === "type")
    return speak.t("请回复1至6的数字，或回复“取消”。", "Reply with a number from 1 to 6, or “cancel”.");
  return dialogue.step === "confirm" ? summary(deps, dialogue, speak) : undefined;
}

function typeNamed(words: string): CaseType | undefined {
  const number = /^([1-6])[.、]?$/.exec(words)?.[1];
  if (number) return CASE_TYPES[Number(number) - 1];
  return CASE_TYPES.find((type) => Object.values(CASE_TYPE_NAMES[type]).includes(words.toLowerCase()));
}

function clean(text: string): string {
  return text.toWellFormed().replace(/\r\n?/g, "\n").replace(CONTROL, " ").trim();
}

function wrong(fault: string | undefined, speak: Speak): string {
  const detail = readFault(fault ?? "")?.detail ?? { zh: "内容有误", en: "that is not acceptable" };
  return `${speak.say(detail)}${speak.t("。请再发一次，或回复“取消”。", ". Please try again, or say “cancel”.")}`;
}

function summary(deps: ChatDeps, { type = "other", title = "", description = "" }: Dialogue, speak: Speak): string {
  const urls = addressesIn(description).length;
  return message([
    speak.t("请核对：", "Please check:"),
    `${speak.t("类型：", "About: ")}${speak.say(CASE_TYPE_NAMES[type])}`,
    `${speak.t("标题：", "Title: ")}${shown(title, 80)}`,
    `${speak.t("情况：", "Text: ")}${shown(description, 200)}`,
    urls > 0 ? speak.t(`网址：${urls}个`, `Web addresses: ${urls}`) : undefined,
    speak.t("回复“确认”提交，“取消”放弃。", "Say “confirm” to send it in, “cancel” to drop it."),
    speak.t(`要附图片或文件，请改用 ${deps.baseUrl}/report`, `With pictures or files: ${deps.baseUrl}/report`),
  ]);
}

function addressesIn(text: string): string[] {
  return [...new Set(text.match(ADDRESSES) ?? [])].filter(isWebAddress).slice(0, MOST_ADDRESSES);
}

/** The case and the end of its dialogue are one write: however often it is confirmed, it is sent in once. */
async function sendIn(deps: ChatDeps, place: Place, dialogue: Dialogue, speak: Speak): Promise<string> {
  const { type = "other", title = "", description = "", language, version } = dialogue;
  const urls = addressesIn(description);
  const input = NewCase.parse({ type, title, description, ...(urls.length > 0 ? { urls } : {}) });
  const { receipt, dueAt } = await submit(
    {
      ...deps,
      commit: async (writes, { receipt: { number } }) => {
        const put = dialogueItem(deps, place.endpoint, { step: "sent", language, number, version: version + 1 });
        const written = await deps.table.write([...writes, { put, if: { version } }]);
        if (!written.ok && written.failed.includes(writes.length)) throw sentAlready();
        return written;
      },
    },
    input,
  );
  return received(receipt, dueAt, speak);
}

function sentAlready(): AppError {
  return new AppError("conflict", "SENT_ALREADY", { zh: "已经提交过了。", en: "It has been sent in already." });
}

function received({ number, secret }: { number: string; secret: string }, dueAt: string, speak: Speak): string {
  const { t } = speak;
  return [
    t("已收到，谢谢。", "Received, thank you."),
    `${t("回执编号：", "Receipt number: ")}${number}`,
    `${t("查询密钥：", "Secret: ")}${secret}`,
    t(
      "请保存好，密钥只显示这一次。查进度请发下面这一行：",
      "Keep them: the secret is shown this once. To follow the case, send this line:",
    ),
    `${t("进度", "progress")} ${number} ${secret}`,
    `${t("答复期限：", "Answer due by: ")}${dateIn(dueAt, speak.language)}`,
  ].join("\n");
}

function again({ number = "" }: Dialogue, { t }: Speak): string {
  return t(`已经提交过了，回执编号：${number}`, `It has been sent in already, receipt number: ${number}`);
}
