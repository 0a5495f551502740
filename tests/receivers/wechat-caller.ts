import { createHash, randomBytes } from "node:crypto";
import { decrypt, encrypt, getSignature } from "@wecom/crypto";
import { exactJson } from "./exact-json.ts";

/** What an Official Account's console is set to. */
export type CallerSetup = {
  token: string;
  key?: string;
  appId: string;
  mode: "plain" | "compatible" | "safe";
  json?: boolean;
};

export type Told = { status: number; text: string; reply: Record<string, string> | undefined };

type Fields = { [name: string]: string | number | bigint | Fields };

let ids = 24_000_000_000_000_000n;

/** The platform's side of the callback, by Tencent's own library: signs, packs, and opens what is answered. */
export function wechatCaller(url: string, setup: CallerSetup, now: () => Date, fetcher: typeof fetch = fetch) {
  const origin = "gh_0123456789ab";

  const query = (more: Record<string, string> = {}, at = now()) => {
    const timestamp = String(Math.floor(at.getTime() / 1000));
    const nonce = randomBytes(6).toString("hex");
    const signature = createHash("sha1").update([setup.token, timestamp, nonce].sort().join("")).digest("hex");
    return new URLSearchParams({ signature, timestamp, nonce, ...more });
  };

  /** A message as it leaves the platform; sending it twice is what the platform does when it heard nothing. */
  function packed(fields: Fields, more: { at?: Date; nonce?: string } = {}): { url: string; body: string } {
    const at = more.at ?? now();
    const plain = setup.json ? exactJson(fields) : xml(fields);
    const asked = query({ openid: String(fields["FromUserName"]) }, at);
    if (setup.mode === "plain" || setup.key === undefined) return { url: `${url}?${asked}`, body: plain };
    const Encrypt = encrypt(setup.key, plain, setup.appId);
    const timestamp = asked.get("timestamp") ?? "";
    asked.set("encrypt_type", "aes");
    asked.set("msg_signature", getSignature(setup.token, timestamp, asked.get("nonce") ?? "", Encrypt));
    const outer = setup.mode === "compatible" ? { ...fields, Encrypt } : { ToUserName: origin, Encrypt };
    return { url: `${url}?${asked}`, body: setup.json ? exactJson(outer) : xml(outer) };
  }

  async function send({ url: place, body }: { url: string; body: string }): Promise<Told> {
    const response = await fetcher(place, {
      method: "POST",
      headers: { "content-type": setup.json ? "application/json" : "text/xml" },
      body,
    });
    const text = await response.text();
    return { status: response.status, text, reply: response.ok && text !== "success" ? opened(text) : undefined };
  }

  function opened(text: string): Record<string, string> {
    const outer = fieldsOf(text);
    if (setup.key === undefined || setup.mode === "plain") return outer;
    const { Encrypt = "", MsgSignature, TimeStamp = "", Nonce = "" } = outer;
    if (getSignature(setup.token, TimeStamp, Nonce, Encrypt) !== MsgSignature) throw new Error("a reply nobody signed");
    const { message, id } = decrypt(setup.key, Encrypt);
    if (id !== setup.appId) throw new Error("a reply of another account");
    return fieldsOf(message);
  }

  const base = (openid: string, type: string): Fields => ({
    ToUserName: origin,
    FromUserName: openid,
    CreateTime: Math.floor(now().getTime() / 1000),
    MsgType: type,
  });
  const event = (openid: string, name: string, more: Fields = {}) => ({
    ...base(openid, "event"),
    Event: name,
    ...more,
  });
  const text = (openid: string, content: string) => ({
    ...base(openid, "text"),
    Content: content,
    MsgId: ++ids,
  });
  return {
    origin,
    query,
    packed,
    send,
    event,
    text,
    /** What the follower sees. */
    says: async (openid: string, content: string) => send(packed(text(openid, content))),
    does: async (openid: string, name: string, more: Fields = {}) => send(packed(event(openid, name, more))),
    /** The check of the address. */
    check: async (echostr: string, more: Record<string, string> = {}) =>
      fetcher(`${url}?${query({ echostr, ...more })}`),
  };
}

function xml(fields: Fields): string {
  const inside = (one: Fields): string =>
    Object.entries(one)
      .map(([name, value]) => {
        if (typeof value === "object") return `<${name}>${inside(value)}</${name}>`;
        return `<${name}>${typeof value !== "string" ? value : `<![CDATA[${value.replaceAll("]]>", "]]]]><![CDATA[>")}]]>`}</${name}>`;
      })
      .join("\n");
  return `<xml>${inside(fields)}</xml>`;
}

/** Good enough for what we answer; not our own reader. */
function fieldsOf(text: string): Record<string, string> {
  if (text.startsWith("{")) return JSON.parse(text);
  const found = [...text.matchAll(/<(\w+)>(?:((?:<!\[CDATA\[[\s\S]*?\]\]>)+)|([^<]*))<\/\1>/g)];
  return Object.fromEntries(
    found.map(([, name = "", cdata, plain]) => [
      name,
      cdata === undefined
        ? (plain ?? "")
        : [...cdata.matchAll(/<!\[CDATA\[([\s\S]*?)\]\]>/g)].map((one) => one[1]).join(""),
    ]),
  );
}
