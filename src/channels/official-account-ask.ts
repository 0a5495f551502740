import type { Word } from "#src/domain/deliveries/channel.ts";
import { publicationWord } from "#src/domain/deliveries/publication-word.ts";
import type { TokenSource } from "#src/domain/deliveries/shared-token.ts";
import type { WechatCall } from "./wechat-call.ts";

const UNKNOWN: Word = { kind: "unknown" };

/** A template message cannot be asked about. */
export function canAsk(receipt: string): boolean {
  return /^(mass|publish):/.test(receipt);
}

/** What became of a mass message or a publication, for when its event does not come. Both calls only read. */
export async function askPlatform(call: WechatCall, source: TokenSource, receipt: string): Promise<Word> {
  const id = receipt.slice(receipt.indexOf(":") + 1);
  if (receipt.startsWith("publish:")) {
    const reply = await call(source, "/cgi-bin/freepublish/get", { json: { publish_id: id } });
    return reply.kind === "ok" ? (publicationWord(String(reply.body["publish_status"])) ?? UNKNOWN) : UNKNOWN;
  }
  const reply = await call(source, "/cgi-bin/message/mass/get", { json: { msg_id: id } });
  return reply.kind === "ok" ? massWord(String(reply.body["msg_status"])) : UNKNOWN;
}

/** WX mass/get. `DELETE`: only what went out can be deleted, and those who got it keep its card. */
function massWord(status: string): Word {
  switch (status.toUpperCase()) {
    case "SEND_SUCCESS":
    case "DELETE":
      return { kind: "delivered" };
    case "SENDING":
      return { kind: "pending" };
    case "SEND_FAIL":
      return { kind: "failed", detail: "the platform could not send it" };
    default:
      return UNKNOWN;
  }
}
