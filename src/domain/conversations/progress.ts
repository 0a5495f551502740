import { CASE_TYPE_NAMES } from "#src/domain/cases/alarm-duty.ts";
import { type CaseStatus, caseStatus } from "#src/domain/cases/status.ts";
import { AppError } from "#src/errors.ts";
import type { Text } from "#src/text.ts";
import { allow } from "./allowance.ts";
import type { ChatDeps } from "./answer-chat.ts";
import type { Command } from "./command.ts";
import { dateIn, minuteIn } from "./dates.ts";
import type { Place } from "./said.ts";
import { message, shown } from "./shown.ts";
import { onlyDirect, type Speak } from "./words.ts";

const STATES: Record<CaseStatus["state"], Text> = {
  received: { zh: "已收到，等待研判", en: "received, waiting for triage" },
};

/** Where a case stands, for the holder of its receipt. Wrong number and wrong secret are one answer, after the same work. */
export async function progress(deps: ChatDeps, place: Place, { rest }: Command, speak: Speak): Promise<string> {
  if (place.isRoom) return onlyDirect(speak);
  const [number = "", ...secret] = rest.split(/[\s,、:]+/);
  if (secret.length === 0)
    return speak.t(
      "请写上回执编号和查询密钥，例如：进度 20260901-7K3M9Q2X4T 您的密钥",
      "Say the receipt's number and secret, such as: progress 20260901-7K3M9Q2X4T <secret>",
    );
  if ((await allow(deps, "guesses", place.endpoint)) !== "yes")
    return speak.t("查询太频繁，请一分钟后再试。", "Too many tries; please wait a minute.");
  try {
    return told(await caseStatus(deps, { number, secret: secret.join("") }), speak);
  } catch (error) {
    if (error instanceof AppError && error.kind === "not-found") return speak.say(error.detail);
    throw error;
  }
}

function told(status: CaseStatus, { t, say, language }: Speak): string {
  const uploaded = status.attachments.filter(({ state }) => state === "received").length;
  return message([
    shown(status.title, 80),
    `${t("回执编号：", "Receipt: ")}${status.number}`,
    `${t("类型：", "About: ")}${say(CASE_TYPE_NAMES[status.type])}`,
    `${t("状态：", "State: ")}${say(STATES[status.state])}`,
    `${t("收到：", "Received: ")}${minuteIn(status.receivedAt, language)}`,
    `${t("答复期限：", "Answer due by: ")}${dateIn(status.dueAt, language)}${status.provisional ? t("（暂定）", " (provisional)") : ""}`,
    status.attachments.length > 0
      ? t(
          `附件：已收到${uploaded}/${status.attachments.length}个`,
          `Attachments: ${uploaded} of ${status.attachments.length} received`,
        )
      : undefined,
  ]);
}
