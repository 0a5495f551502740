import { domainToASCII } from "node:url";
import type { InputError } from "#src/errors.ts";

const LOCAL_BYTES = 64;
const ADDRESS_BYTES = 254;
const ATOM = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const NOWHERE = /(?:^|\.)(?:localhost|localdomain|local|invalid|internal|onion)$/;

const fault = (code: string, zh: string, en: string) => ({
  errors: [{ pointer: "/endpoint/address", code, detail: { zh, en } }] satisfies InputError[],
});

const FAULTS = {
  malformed: fault(
    "ADDRESS_MALFORMED",
    "邮箱地址应为 名称@域名，不带引号、括号、空格或显示名",
    "a mail address is name@domain, without quotes, brackets, spaces or a display name",
  ),
  letters: fault(
    "ADDRESS_LETTERS",
    "@ 之前只能用英文字母、数字和常用符号",
    "before the @ only ASCII letters, digits and signs can be used",
  ),
  length: fault(
    "ADDRESS_LENGTH",
    "邮箱地址不得超过254个字节，@ 之前不得超过64个字节",
    "a mail address has at most 254 bytes, 64 of them before the @",
  ),
  domain: fault("ADDRESS_DOMAIN", "@ 之后不是可用的域名", "what follows the @ is not a domain that takes mail"),
};

/**
 * One mailbox in its usual form (RFC 5321 4.1.2: a dot-string and a domain of two labels or more; lengths of 4.5.3.1 and
 * RFC 3696's erratum). The domain becomes lower-case and punycode (UTS 46); the part before it is kept as it is, since
 * only its own server may say what case means there. Quoted names, comments, literals and SMTPUTF8 are refused.
 */
export function mailAddress(text: string): { address: string } | { errors: InputError[] } {
  const written = text.trim().replace("＠", "@");
  if (written.length > 1024) return FAULTS.length;
  const at = written.lastIndexOf("@");
  const local = written.slice(0, at);
  const host = written.slice(at + 1);
  // A percent sign in the host would be decoded, not refused.
  if (at < 1 || /[\s\u0000-\u0020\u007f-\u00a0"(),:;<>@[\\\]%]/.test(host + local.replaceAll("%", "")))
    return FAULTS.malformed;
  if (Buffer.byteLength(local) > LOCAL_BYTES) return FAULTS.length;
  if (/[^\x21-\x7e]/.test(local)) return FAULTS.letters;
  if (!ATOM.test(local)) return FAULTS.malformed;
  const domain = domainToASCII(host);
  if (!DOMAIN.test(domain) || NOWHERE.test(domain)) return FAULTS.domain;
  const address = `${local}@${domain}`;
  return Buffer.byteLength(address) > ADDRESS_BYTES ? FAULTS.length : { address };
}

/** As staff may see it: the first letter and the domain. */
export function maskedAddress(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 1 ? "***" : `${address.charAt(0)}***${address.slice(at)}`;
}

/** A server's words with every mail address in them hidden, for ledgers and logs; one line, cut. */
export function withoutAddresses(text: string, secrets: readonly string[] = []): string {
  let shown = text;
  for (const secret of secrets) if (secret.length > 2) shown = shown.replaceAll(secret, "***");
  return shown
    .replace(/[\s\u0000-\u001f\u007f-\u009f]+/g, " ")
    .replace(/[^\s<>"'(),:;[\]]+@[^\s<>"'(),:;[\]]+/g, "…")
    .slice(0, 160)
    .toWellFormed()
    .trim();
}
