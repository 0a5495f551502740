import { isIP } from "node:net";
import { AppError } from "#src/errors.ts";
import type { Text } from "#src/text.ts";

/** Who stands behind the pages, for their footer and tags. Whatever is missing is not shown, and warned about. */
export type SiteOwner = {
  /** One line below the name. */
  motto?: Text;
  sponsor?: Text;
  contact?: Text;
  /** 网站标识码: ten digits (division and four more) or `bm` and eight digits. */
  siteId?: string;
  /** ICP 备案: the number must link to the ministry's query site. */
  icp?: { number: string; url: string };
  /** 公安联网备案. */
  police?: { number: string; url: string };
  /** 党政机关网站标识 and the entry for reporting errors. */
  mark?: { url: string };
  errorEntry?: { url: string };
  related?: { name: Text; url: string }[];
};

export type Config = {
  port: number;
  host: string;
  /** Folder of the SQLite file and the objects; `:memory:` keeps nothing. */
  data: string;
  /** Absolute links in pushes and feeds start with this; no slash at the end. */
  baseUrl: string;
  adminToken: string | undefined;
  /** CIDRs that outgoing requests may reach although they are private or loopback. */
  egressAllow: string[];
  /** Addresses and CIDRs of reverse proxies whose X-Forwarded-For is believed; of the one process only. */
  trustedProxies: string[];
  site: SiteOwner;
};

/** Reads and checks the environment (the variables of README.md); a value that cannot be right stops the start. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const port = Number(env["PORT"] ?? 8787);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw wrong("PORT", "0..65535");
  const host = env["HOST"] ?? "127.0.0.1";
  const adminToken = env["GAOSHI_ADMIN_TOKEN"] || undefined;
  if (adminToken !== undefined && adminToken.length < 32) throw wrong("GAOSHI_ADMIN_TOKEN", ">= 32 characters");
  const baseUrl = env["GAOSHI_BASE_URL"] || `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (!URL.canParse(baseUrl) || !/^https?:$/.test(new URL(baseUrl).protocol))
    throw wrong("GAOSHI_BASE_URL", "https://…");
  return {
    port,
    host,
    data: env["GAOSHI_DATA"] || "./data",
    baseUrl: baseUrl.replace(/\/+$/, ""),
    adminToken,
    egressAllow: listIn(env["GAOSHI_EGRESS_ALLOW"]),
    trustedProxies: listIn(env["GAOSHI_TRUSTED_PROXIES"]).map(trustedProxy),
    site: siteIn(env["GAOSHI_SITE"]),
  };
}

function listIn(value: string | undefined): string[] {
  return (value ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

const NETWORK = /^([^/%]+)(?:\/(\d{1,3}))?$/;
const MAPPED = /^\[::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}\]$/;

function trustedProxy(part: string): string {
  const [, address = "", bits] = NETWORK.exec(part) ?? [];
  const version = isIP(address);
  if (version === 0 || Number(bits ?? 0) > (version === 4 ? 32 : 128))
    throw new AppError("invalid", "CONFIG", {
      zh: `环境变量 GAOSHI_TRUSTED_PROXIES 应为 IP 地址或网段（如 127.0.0.1,10.0.0.0/8），“${part}”不是`,
      en: `GAOSHI_TRUSTED_PROXIES must list addresses or CIDRs (127.0.0.1,10.0.0.0/8); "${part}" is neither`,
    });
  const isMapped = version === 6 && MAPPED.test(new URL(`http://[${address}]`).hostname);
  // A header that anybody may write would then say who somebody is.
  if (bits !== undefined && Number(bits) <= (isMapped ? 96 : 0))
    throw new AppError("invalid", "CONFIG", {
      zh: `环境变量 GAOSHI_TRUSTED_PROXIES 不能信任所有地址（“${part}”）`,
      en: `GAOSHI_TRUSTED_PROXIES must not trust everybody ("${part}")`,
    });
  return part;
}

function wrong(name: string, right: string): AppError {
  return new AppError("invalid", "CONFIG", { zh: `环境变量 ${name} 应为 ${right}`, en: `${name} must be ${right}` });
}

type Reads = (value: unknown, at: string) => unknown;

/** A text in one language stands for both. */
const text: Reads = (value, at) => {
  if (typeof value === "string") return { zh: short(value, at), en: value };
  const both = members(value, at, { zh: short, en: short }) as Partial<Text>;
  if (both.zh === undefined || both.en === undefined) throw wrongSite(at);
  return both;
};
const link: Reads = (value, at) => {
  if (typeof value !== "string" || !/^https?:\/\//.test(value) || !URL.canParse(value)) throw wrongSite(at);
  return value;
};
const filing: Reads = (value, at) => whole(members(value, at, { number: short, url: link }), ["number", "url"], at);
const place: Reads = (value, at) => whole(members(value, at, { url: link }), ["url"], at);
const related: Reads = (value, at) => {
  if (!Array.isArray(value)) throw wrongSite(at);
  return value.map((one, n) => whole(members(one, `${at}/${n}`, { name: text, url: link }), ["name", "url"], at));
};

const SITE: Record<keyof SiteOwner, Reads> = {
  motto: text,
  sponsor: text,
  contact: text,
  siteId: short,
  icp: filing,
  police: filing,
  mark: place,
  errorEntry: place,
  related,
};

/** JSON text of a `SiteOwner`. */
function siteIn(value: string | undefined): SiteOwner {
  if (!value) return {};
  let given: unknown;
  try {
    given = JSON.parse(value);
  } catch {
    throw wrongSite("");
  }
  return members(given, "", SITE);
}

function short(value: unknown, at: string): string {
  if (typeof value !== "string" || value.trim() === "" || value.length > 200) throw wrongSite(at);
  return value;
}

function members(value: unknown, at: string, known: Record<string, Reads>): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongSite(at);
  const read = ([name, member]: [string, unknown]) => {
    const reads = Object.hasOwn(known, name) ? known[name] : undefined;
    if (!reads) throw wrongSite(`${at}/${name}`);
    return [name, reads(member, `${at}/${name}`)];
  };
  return Object.fromEntries(Object.entries(value).map(read));
}

function whole(found: Record<string, unknown>, names: string[], at: string): unknown {
  if (names.some((name) => !(name in found))) throw wrongSite(at);
  return found;
}

function wrongSite(at: string): AppError {
  return new AppError("invalid", "CONFIG", {
    zh: `环境变量 GAOSHI_SITE 应为JSON对象，字段为 ${Object.keys(SITE).join("、")}；“${at || "/"}”处不正确`,
    en: `GAOSHI_SITE must be a JSON object with ${Object.keys(SITE).join(", ")}; it is wrong at "${at || "/"}"`,
  });
}
