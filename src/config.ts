import { isIP } from "node:net";
import { AppError } from "#src/errors.ts";

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
