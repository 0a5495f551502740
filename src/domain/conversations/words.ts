import { type Language, PRODUCT, type Text } from "#src/text.ts";
import type { Place } from "./said.ts";
import { message, shown } from "./shown.ts";

/** How one chat is spoken to. */
export type Speak = { language: Language; t(zh: string, en: string): string; say(text: Text): string };

export function speakIn(language: Language): Speak {
  const t = (zh: string, en: string) => (language === "en" ? en : zh);
  return { language, t, say: ({ zh, en }) => t(zh, en) };
}

export function help(place: Place, { t }: Speak): string {
  const { zh, en } = PRODUCT;
  const call = en.toLowerCase();
  return message(
    place.isRoom
      ? [
          t(`在群里请先写“${zh}”或@我：`, `In a room begin with “${call}” or an @mention of me:`),
          t(`${zh} 栏目`, `${call} columns`),
          t(`${zh} 最新 通知公告`, `${call} latest notices`),
          t(`${zh} 搜索 停水`, `${call} search water`),
          t(
            `${zh} 订阅 通知公告 · ${zh} 退订 通知公告（群主或管理员）`,
            `${call} subscribe notices · ${call} unsubscribe notices (owner or admin)`,
          ),
          t(`${zh} 停止（不再推送任何内容）`, `${call} stop (nothing more is sent here)`),
          t(`${zh} 地址（本群地址）`, `${call} address (of this room)`),
          t("举报和查进度请私聊我。", "To report something, or to follow it, write to me directly."),
        ]
      : [
          t("您可以对我说：", "You can say:"),
          t("栏目", "columns"),
          t("最新 通知公告", "latest notices"),
          t("搜索 停水", "search water"),
          t("订阅 通知公告 · 退订 通知公告", "subscribe notices · unsubscribe notices"),
          t("停止（不再推送任何内容）", "stop (nothing more is sent here)"),
          t("举报（反映问题，得到回执）", "report (send in a case and get a receipt)"),
          t("进度 回执编号 查询密钥", "progress <receipt number> <secret>"),
          t("地址（本聊天的地址）", "address (of this chat)"),
          t("English: help", "中文：帮助"),
        ],
  );
}

/** A command as it has to be said in this place: in a room nobody is heard who does not begin with our name. */
export function asSaid({ isRoom }: Pick<Place, "isRoom">, { t }: Speak, zh: string, en: string): string {
  return isRoom ? t(`${PRODUCT.zh} ${zh}`, `${PRODUCT.en.toLowerCase()} ${en}`) : t(zh, en);
}

export function unknownColumn(place: Place, unknown: string[], speak: Speak): string {
  const words = shown(unknown.join(" "), 40);
  const columns = asSaid(place, speak, "栏目", "columns");
  return speak.t(
    `没有栏目“${words}”。发“${columns}”看有哪些。`,
    `There is no column “${words}”. Say “${columns}” to see them all.`,
  );
}

export function onlyDirect({ t }: Speak): string {
  return t(
    "回执和举报只在私聊里办理，请加我为好友后私聊我。请不要把查询密钥发到群里。",
    "Reports and receipts are for a chat of two: please write to me directly. Never post a receipt's secret in a room.",
  );
}
