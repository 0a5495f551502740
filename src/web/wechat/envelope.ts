import { parseVendorJson } from "#src/domain/deliveries/vendor-json.ts";
import { randomSecret } from "#src/ids.ts";
import { readJson } from "#src/web/body.ts";
import { decrypted, encrypted, isSigned, signatureOf } from "./crypto.ts";
import { cdata, type Fields, readXml } from "./xml.ts";

/** What an operator set up for the callback. `keys`: the present key first, then the one before it during a change. */
export type CallbackSetup = { appId: string; token: string; keys: string[]; originId: string | undefined };

export type Query = {
  signature: string;
  timestamp: string;
  nonce: string;
  encryptType: string;
  messageSignature: string;
};

/** An opened message, and how its answer is to be packed: like the message came. */
export type Opened = { fields: Fields; form: "xml" | "json"; key: string | undefined };

const FRESH_SECONDS = 300;

export function queryOf(url: URL): Query {
  const get = (name: string) => url.searchParams.get(name) ?? "";
  return {
    signature: get("signature"),
    timestamp: get("timestamp"),
    nonce: get("nonce"),
    encryptType: get("encrypt_type"),
    messageSignature: get("msg_signature"),
  };
}

/** A signature of five minutes ago or ahead is nobody's any more. */
export function isFresh({ timestamp }: Query, now: Date): boolean {
  return /^\d{10}$/.test(timestamp) && Math.abs(now.getTime() / 1000 - Number(timestamp)) <= FRESH_SECONDS;
}

/** Whether the query alone is signed: the check of the address, and messages in plain mode. */
export function isQuerySigned({ signature, timestamp, nonce }: Query, token: string): boolean {
  return isSigned(signature, [token, timestamp, nonce]);
}

/**
 * Plain, compatible and safe mode. Where there is a ciphertext its own signature counts, and what stands beside it in
 * plain is not read; where a key is set up a plain message is no more than a stranger's word, and refused.
 */
export function openMessage(body: string, query: Query, setup: CallbackSetup): Opened | undefined {
  const outer = readFields(body);
  if (!outer) return undefined;
  const encrypt = outer.fields["Encrypt"];
  if (typeof encrypt !== "string" || encrypt === "") {
    const plain = setup.keys.length === 0 && query.encryptType !== "aes" && isQuerySigned(query, setup.token);
    return plain ? { ...outer, key: undefined } : undefined;
  }
  const { timestamp, nonce, messageSignature } = query;
  if (!isSigned(messageSignature, [setup.token, timestamp, nonce, encrypt])) return undefined;
  for (const key of setup.keys) {
    const text = decrypted(encrypt, key, setup.appId);
    const inner = text === undefined ? undefined : readFields(text);
    if (inner) return { ...inner, key };
  }
  return undefined;
}

function readFields(text: string): { fields: Fields; form: "xml" | "json" } | undefined {
  if (!text.trimStart().startsWith("{")) {
    const fields = readXml(text);
    return fields && { fields, form: "xml" };
  }
  try {
    const value = readJson(text, parseVendorJson);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? { fields: textual(value), form: "json" }
      : undefined;
  } catch {
    return undefined;
  }
}

/** JSON as if it had come as XML: numbers are text, lists their first entry. */
function textual(value: object): Fields {
  const fields: Record<string, string | Fields> = Object.create(null);
  for (const [name, entry] of Object.entries(value)) {
    const one: unknown = Array.isArray(entry) ? entry[0] : entry;
    if (typeof one === "string" || typeof one === "number") fields[name] = String(one);
    else if (typeof one === "object" && one !== null) fields[name] = textual(one);
  }
  return fields;
}

/** A text reply (WX passive reply), packed as the message came; `to` is the follower, `from` the account. */
export function packReply(
  { to, from, text }: { to: string; from: string; text: string },
  { form, key }: Opened,
  setup: CallbackSetup,
  now: Date,
): { body: string; contentType: string } {
  const at = Math.floor(now.getTime() / 1000);
  const message = { ToUserName: to, FromUserName: from, CreateTime: at, MsgType: "text", Content: text };
  const plain = form === "json" ? JSON.stringify(message) : xmlOf(message);
  const contentType = form === "json" ? "application/json; charset=utf-8" : "application/xml; charset=utf-8";
  if (key === undefined) return { body: plain, contentType };
  const Encrypt = encrypted(plain, key, setup.appId);
  const Nonce = randomSecret(96);
  const MsgSignature = signatureOf([setup.token, String(at), Nonce, Encrypt]);
  const packed = { Encrypt, MsgSignature, TimeStamp: at, Nonce };
  return { body: form === "json" ? JSON.stringify(packed) : xmlOf(packed), contentType };
}

function xmlOf(fields: Record<string, string | number>): string {
  const elements = Object.entries(fields).map(
    ([name, value]) => `<${name}>${typeof value === "number" ? value : cdata(value)}</${name}>`,
  );
  return `<xml>${elements.join("")}</xml>`;
}
