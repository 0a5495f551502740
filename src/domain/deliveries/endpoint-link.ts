import { createHmac, timingSafeEqual } from "node:crypto";

const DAY_MS = 86_400_000;
const MANAGE_DAYS = 30;
const MAC = 22;

/**
 * Links and ids that name an endpoint and prove that we made them: the endpoint key and 128 bits of HMAC-SHA256 under a key
 * of the instance's own secret and the purpose. Nothing is stored, so nothing has to be read to make or to check one.
 */
function mac(secret: Uint8Array, purpose: string, text: string): string {
  const key = createHmac("sha256", secret).update(`endpoint link\n${purpose}`).digest();
  return createHmac("sha256", key).update(text).digest().subarray(0, 16).toString("base64url");
}

function proves(secret: Uint8Array, purpose: string, text: string, given: string): boolean {
  const right = Buffer.from(mac(secret, purpose, text));
  const offered = Buffer.from(given);
  return right.length === offered.length && timingSafeEqual(right, offered);
}

/** What the unsubscribe link of an endpoint carries; it never expires (RFC 8058: whoever holds the mail may leave). */
export function leaveToken(secret: Uint8Array, endpoint: string): string {
  return endpoint + mac(secret, "leave", endpoint);
}

/** The endpoint that a leave token was made for. */
export function leavingEndpoint(secret: Uint8Array, token: string): string | undefined {
  const [, endpoint = "", given = ""] = /^([A-Za-z0-9_-]{16})([A-Za-z0-9_-]{22})$/.exec(token) ?? [];
  return proves(secret, "leave", endpoint, given) ? endpoint : undefined;
}

/** The subject of a mail by which its sender leaves. */
export function leaveSubject(token: string): string {
  return `unsubscribe ${token}`;
}

/** The endpoint that a mail with this subject wants to leave, if it holds a leave token of ours. */
export function leavingBySubject(secret: Uint8Array, subject: string): string | undefined {
  const token = /(?:^|[^\w-])unsubscribe[\s_]+([A-Za-z0-9_-]{38})(?![A-Za-z0-9_-])/i.exec(subject)?.[1];
  return token === undefined ? undefined : leavingEndpoint(secret, token);
}

/** What a manage link carries: good for 30 days, because a mail that is forwarded takes it along. */
export function manageToken(secret: Uint8Array, endpoint: string, now: Date): string {
  const day = Math.floor(now.getTime() / DAY_MS).toString(36);
  return `${endpoint}${day}.${mac(secret, "manage", `${endpoint}${day}`)}`;
}

/** The endpoint that a manage token was made for, while it is good. */
export function managedEndpoint(secret: Uint8Array, token: string, now: Date): string | undefined {
  const [, named = "", given = ""] = /^([A-Za-z0-9_-]{16}[a-z0-9]{1,6})\.([A-Za-z0-9_-]{22})$/.exec(token) ?? [];
  if (!proves(secret, "manage", named, given)) return undefined;
  const age = Math.floor(now.getTime() / DAY_MS) - Number.parseInt(named.slice(16), 36);
  return age <= MANAGE_DAYS ? named.slice(0, 16) : undefined;
}

/**
 * The left part of a mail's Message-ID: the delivery id, so that a second attempt has the same one, and a proof, so that
 * only who has received the mail can report of it: delivery ids can be computed from public facts.
 */
export function mailName(secret: Uint8Array, delivery: string, endpoint: string): string {
  const safe = delivery.replace(/[^A-Za-z0-9._-]/g, "-").replace(/\.{2,}|^\.|\.$/g, "-");
  const name = safe.endsWith(`.${endpoint}`) ? safe : `${safe}.${endpoint}`;
  return `${name}.${mac(secret, "mail", name)}`;
}

/** The endpoint of a Message-ID (with or without its angle brackets) that is one of ours. */
export function mailedEndpoint(secret: Uint8Array, messageId: string): string | undefined {
  const local = messageId.trim().replace(/^</, "").split("@", 1)[0] ?? "";
  const name = local.slice(0, -MAC - 1);
  if (local.at(-MAC - 1) !== "." || !proves(secret, "mail", name, local.slice(-MAC))) return undefined;
  return name.slice(-16);
}
