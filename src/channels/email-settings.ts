import { createPrivateKey } from "node:crypto";
import { isIP } from "node:net";
import type { SettingSpec, Settings } from "#src/domain/deliveries/channel.ts";
import { mailAddress } from "./email-address.ts";

const MAILBOX = /^[^\s"(),:;<>@[\\\]]{1,64}@[^\s"(),:;<>@[\\\]]{1,253}$/;
const KEY = /^-----BEGIN (?:RSA )?PRIVATE KEY-----\s[A-Za-z0-9+/=\s]+-----END (?:RSA )?PRIVATE KEY-----\s*$/;
const CERTIFICATES = /^(?:\s*-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

/** What an operator enters. Either `smtpUrl` or `sesRegion` must be there; both: the region counts. */
export const MAIL_SETTINGS: readonly SettingSpec[] = [
  {
    name: "from",
    secret: false,
    required: true,
    label: { zh: "发件邮箱", en: "Sender's mail address" },
    check: MAILBOX,
  },
  {
    name: "fromName",
    secret: false,
    required: false,
    label: { zh: "发件人名称", en: "Sender's name" },
    check: /^[^\p{Cc}<>"]{1,64}$/u,
  },
  {
    name: "replyTo",
    secret: false,
    required: false,
    label: { zh: "回复邮箱", en: "Mail address for replies" },
    check: MAILBOX,
  },
  {
    name: "smtpUrl",
    secret: true,
    required: false,
    label: {
      zh: "SMTP 服务器：smtps://用户:密码@主机:465，或 smtp://…:587（STARTTLS）",
      en: "SMTP server: smtps://user:password@host:465, or smtp://…:587 (STARTTLS)",
    },
    check: /^smtps?:\/\/[^\s/?#]{1,500}\/?(?:\?tls=none)?$/,
  },
  {
    name: "smtpCa",
    secret: false,
    required: false,
    label: {
      zh: "SMTP 服务器证书的签发者（PEM），内网自建时填写",
      en: "Issuer of the SMTP server's certificate (PEM), for one of your own",
    },
    check: CERTIFICATES,
    lines: true,
  },
  {
    name: "sesRegion",
    secret: false,
    required: false,
    label: { zh: "改用 Amazon SES：区域", en: "Amazon SES instead: its region" },
    check: /^[a-z]{2,4}(?:-[a-z]+){1,2}-\d$/,
  },
  {
    name: "dkimDomain",
    secret: false,
    required: false,
    label: { zh: "DKIM 域名", en: "DKIM domain" },
    check: /^[a-z0-9.-]{3,253}$/,
  },
  {
    name: "dkimSelector",
    secret: false,
    required: false,
    label: { zh: "DKIM 选择器", en: "DKIM selector" },
    check: /^[A-Za-z0-9._-]{1,63}$/,
  },
  {
    name: "dkimKey",
    secret: true,
    required: false,
    label: { zh: "DKIM 私钥（RSA，至少1024位，PEM）", en: "DKIM private key (RSA of at least 1024 bits, PEM)" },
    check: { test: isSigningKey },
    lines: true,
  },
  {
    name: "bounceAddress",
    secret: false,
    required: false,
    label: { zh: "退信邮箱（信封发件人）", en: "Mail address for bounces (envelope sender)" },
    check: MAILBOX,
  },
  {
    name: "noticeKey",
    secret: true,
    required: false,
    label: {
      zh: "退信与投诉接口的密钥（32至128个字母、数字、- 或 _）",
      en: "Key of the door for bounces and complaints (32 to 128 letters, digits, - or _)",
    },
    check: /^[A-Za-z0-9_-]{32,128}$/,
  },
  {
    name: "leaveAddress",
    secret: false,
    required: false,
    label: {
      zh: "退订邮箱：来信须转入 /mail/bounces（并填写上面的密钥），否则请留空",
      en: "Mail address for unsubscribing: pipe its mails to /mail/bounces (with the key above), or leave it empty",
    },
    check: MAILBOX,
  },
  {
    name: "dailyLimit",
    secret: false,
    required: false,
    label: { zh: "每日发信上限", en: "Most mails a day" },
    check: /^[1-9]\d{0,7}$/,
  },
];

export type Server = {
  host: string;
  port: number;
  /** From the first byte; by STARTTLS or not at all; by STARTTLS where it is offered, to this machine itself; none, as the operator says. */
  tls: "implicit" | "required" | "offered" | "none";
  user?: string;
  password?: string;
  ca?: string;
};

// RFC 8301 3.2: fewer bits are not to be signed with, and receivers count such a signature as none.
const LEAST_KEY_BITS = 1024;

/** An RSA key that can sign: with a text that only looks like one every mail would be stopped. */
function isSigningKey(text: string): boolean {
  if (!KEY.test(text)) return false;
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPrivateKey(text);
    return asymmetricKeyType === "rsa" && (asymmetricKeyDetails?.modulusLength ?? 0) >= LEAST_KEY_BITS;
  } catch {
    return false;
  }
}

/** `unsigned`: header fields that whoever carries the mail replaces, so that a signature over them would break. */
export type Dkim = { domain: string; selector: string; key: string; unsigned: readonly string[] };

// SES developer guide, "Authenticating Email with DKIM", manual signing: these fields are its own.
const REPLACED_BY_SES = ["message-id", "date", "return-path", "bounces-to"];

/** `leave`: a mailbox whose mails come in at our own door, so that a request to leave is read. */
export type Sender = {
  from: string;
  fromName?: string;
  replyTo?: string;
  envelope: string;
  leave?: string;
  dkim?: Dkim;
};

/** The settings as the channel works with them; undefined while something that is needed is missing or wrong. */
export type Mailing = { sender: Sender; by: { ses: string } | { smtp: Server }; dailyLimit?: number };

export function mailingOf(settings: Settings | undefined): Mailing | undefined {
  const { from, fromName, replyTo, smtpUrl, smtpCa, sesRegion, bounceAddress, dailyLimit, leaveAddress, noticeKey } =
    settings ?? {};
  const sender = boxOf(from);
  const server = smtpUrl ? serverOf(smtpUrl, smtpCa) : undefined;
  if (!sender || (!sesRegion && !server)) return undefined;
  const reply = boxOf(replyTo);
  const leave = noticeKey ? boxOf(leaveAddress) : undefined;
  const dkim = dkimOf(settings ?? {}, sesRegion ? REPLACED_BY_SES : []);
  return {
    sender: {
      from: sender,
      envelope: boxOf(bounceAddress) ?? sender,
      ...(fromName ? { fromName } : {}),
      ...(reply ? { replyTo: reply } : {}),
      ...(leave ? { leave } : {}),
      ...(dkim ? { dkim } : {}),
    },
    by: sesRegion ? { ses: sesRegion } : { smtp: server as Server },
    ...(dailyLimit ? { dailyLimit: Number(dailyLimit) } : {}),
  };
}

function boxOf(text: string | undefined): string | undefined {
  const checked = text ? mailAddress(text) : undefined;
  return checked && "address" in checked ? checked.address : undefined;
}

function dkimOf({ dkimDomain, dkimSelector, dkimKey }: Settings, unsigned: readonly string[]): Dkim | undefined {
  return dkimDomain && dkimSelector && dkimKey
    ? { domain: dkimDomain, selector: dkimSelector, key: dkimKey, unsigned }
    : undefined;
}

function serverOf(text: string, ca: string | undefined): Server | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const secure = url.protocol === "smtps:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host === "") return undefined;
  const [user, password] = [decoded(url.username), decoded(url.password)];
  return {
    host,
    port: url.port === "" ? (secure ? 465 : 587) : Number(url.port),
    tls: secure ? "implicit" : url.search === "?tls=none" ? "none" : isLoopback(host) ? "offered" : "required",
    ...(user ? { user, password } : {}),
    ...(ca ? { ca } : {}),
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
