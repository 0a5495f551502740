import { PRODUCT } from "#src/text.ts";

export type ChatHandlers = {
  /** A text that looks like a confirmation code came from this chat address. True: it was one, and now counts. */
  onCode(address: string, code: string): Promise<boolean>;
  /** Somebody there wants no more. True: something was ended. */
  onStop?(address: string): Promise<boolean>;
  /** Somebody scanned the QR code: the account begins anew, and slowly. */
  onFreshLogin?(): Promise<void>;
};

/** As confirmation codes are made: no letter that looks like a digit. Any other word must not count as a wrong guess. */
export const CODE = /^[2-9A-HJKMNP-TV-Z]{8}$/;

/** What the bot answers to a text in a chat; undefined: nothing. It never speaks about anything but its own commands. */
export async function answerChat(handlers: ChatHandlers, address: string, text: string): Promise<string | undefined> {
  const said = withoutMention(text);
  const code = said.toUpperCase();
  if (CODE.test(code) && (await handlers.onCode(address, code)))
    return `已确认，公告将推送到这里。回复“${PRODUCT.zh} 退订”可随时停止。`;
  const command = said.replace(/\s+/g, " ").toLowerCase();
  if (command === `${PRODUCT.zh} 地址` || command === `${PRODUCT.en.toLowerCase()} address`) return address;
  if (command === `${PRODUCT.zh} 退订` || command === `${PRODUCT.en.toLowerCase()} stop`)
    return (await handlers.onStop?.(address)) === true ? "已退订，不再推送。" : undefined;
  return undefined;
}

// A mention ends with a space, in WeChat with a four-per-em one (U+2005).
function withoutMention(text: string): string {
  if (text.length > 200) return "";
  return text.replace(/^@[^\u2005\s]{1,64}[\u2005\s]+/u, "").trim();
}
