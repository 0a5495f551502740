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
    egressAllow: (env["GAOSHI_EGRESS_ALLOW"] ?? "")
      .split(",")
      .map((cidr) => cidr.trim())
      .filter((cidr) => cidr !== ""),
  };
}

function wrong(name: string, right: string): AppError {
  return new AppError("invalid", "CONFIG", { zh: `环境变量 ${name} 应为 ${right}`, en: `${name} must be ${right}` });
}
