import { isIP, type LookupFunction, type Socket } from "node:net";
import { createSecureContext } from "node:tls";
import ipaddr from "ipaddr.js";
import type { buildConnector } from "undici";
import type { Text } from "#src/text.ts";
import { makeResolve } from "./resolve.ts";

/**
 * The one guard of every outgoing request to an address that somebody else named: webhooks, WebSub callbacks, watched
 * sites. It checks the text when the address is given, and again every connection after the name was resolved.
 */
export type Egress = {
  /**
   * The normalised URL, or what is wrong with it. A name that leads to an address that cannot be reached is refused like
   * that address; one that leads nowhere is not. `textOnly`: an https name is not looked up.
   */
  check(address: string, options?: { textOnly?: boolean }): Promise<{ url: URL } | { fault: Fault }>;
  /** Builds a connector that reaches only checked addresses; it fails with the code EGRESS_REFUSED on the others. */
  connector(build: typeof buildConnector): buildConnector.connector;
};

export type Fault = { code: string; detail: Text };

export type Resolve = (host: string) => Promise<string[]>;

export const EGRESS_REFUSED = "EGRESS_REFUSED";

const MAX_ADDRESS = 2048;
const CHECK_MS = 2000;
const CONNECT_MS = 5000;
const SESSIONS = 2048;

const fault = (code: string, zh: string, en: string): Fault => ({ code, detail: { zh, en } });

const FAULTS = {
  malformed: fault("ADDRESS_MALFORMED", "地址不是规范的网址", "the address is not a well-formed URL"),
  length: fault("ADDRESS_LENGTH", "地址不得超过2048个字符", "the address must have at most 2,048 characters"),
  scheme: fault("ADDRESS_SCHEME", "地址须以 https:// 开头", "the address must start with https://"),
  userInfo: fault(
    "ADDRESS_USER_INFO",
    "地址中不得带用户名或密码",
    "the address must not carry a user name or password",
  ),
  port: fault("ADDRESS_PORT", "端口不可用", "this port cannot be used"),
  host: fault("ADDRESS_HOST", "不能推送到这个主机", "this host cannot be reached from here"),
};

// RFC 6761, 6762, 7686, 8375, ICANN's `.internal`, and the names under which clouds answer with credentials.
const SPECIAL_SUFFIX = /(^|\.)(localhost|localdomain|local|internal|home\.arpa|lan|onion|svc)$/;
const METADATA_NAMES = new Set(["metadata.goog", "metadata.tencentyun.com", "metadata.platformequinix.com"]);
const NAME = /^(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/;
// Public by number, but answers only inside Azure.
const METADATA_ADDRESSES = new Set(["168.63.129.16"]);

/** `allow`: the CIDRs of GAOSHI_EGRESS_ALLOW; a wrong one throws. `resolve` answers every address of a name. */
export function makeEgress(allow: string[], resolve: Resolve = makeResolve()): Egress {
  const exceptions = allow.map((cidr) =>
    ipaddr.parseCIDR(isIP(cidr) === 0 ? cidr : `${cidr}/${isIP(cidr) === 4 ? 32 : 128}`),
  );
  const excepted = (text: string): boolean => {
    const address = ipaddr.parse(text);
    return exceptions.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  };
  const reachable = (text: string, protocol: string): boolean =>
    excepted(text) || (protocol === "https:" && isPublic(text));

  // undici remembers TLS sessions weakly, so the garbage collector would forget them between two announcements.
  const sessions = new Map<string, Buffer>();
  function keep(host: string, session: Buffer) {
    sessions.delete(host);
    sessions.set(host, session);
    if (sessions.size > SESSIONS) for (const oldest of sessions.keys()) if (sessions.delete(oldest)) break;
  }

  async function lookedUp(host: string, protocol: string): Promise<string[]> {
    if (!isPublicName(host)) throw refusal();
    const addresses = await resolve(host);
    if (addresses.length === 0 || !addresses.every((address) => isIP(address) !== 0 && reachable(address, protocol)))
      throw refusal();
    return addresses;
  }

  function connector(build: typeof buildConnector, protocol: "https:" | "http:"): buildConnector.connector {
    const guarded: LookupFunction = (host, options, callback) => {
      lookedUp(host, protocol).then(
        (addresses) => {
          const all = addresses.map((address) => ({ address, family: isIP(address) }));
          if (options.all) callback(null, all);
          else callback(null, all[0]?.address ?? "", all[0]?.family);
        },
        (error) => callback(error, ""),
      );
    };
    // Made once: Node would read its list of authorities into a new one for every connection.
    const shared = protocol === "https:" ? { secureContext: createSecureContext() } : {};
    const base = build({
      ...{ lookup: guarded, timeout: CONNECT_MS, maxCachedSessions: SESSIONS, allowH2: false },
      ...shared,
    });
    return (options, callback) => {
      if (isIP(options.hostname) !== 0 && !reachable(options.hostname, protocol)) {
        queueMicrotask(() => callback(refusal(), null));
        return;
      }
      const socket = base(options, callback) as unknown as Socket | undefined;
      if (protocol === "https:") socket?.on("session", (session: Buffer) => keep(options.hostname, session));
      return socket;
    };
  }

  return {
    async check(address, { textOnly = false } = {}) {
      const url = parse(address);
      if (!(url instanceof URL)) return { fault: url };
      const host = url.hostname.replace(/^\[|\]$/g, "");
      if (isIP(host) !== 0) {
        if (reachable(host, url.protocol)) return { url };
        return { fault: url.protocol === "http:" && isPublic(host) ? FAULTS.scheme : FAULTS.host };
      }
      if (!isPublicName(host)) return { fault: FAULTS.host };
      if (url.protocol === "https:" && textOnly) return { url };
      if (url.protocol === "http:" && exceptions.length === 0) return { fault: FAULTS.scheme };
      const answers = await Promise.race([resolve(host).catch(() => []), nothingAfter(CHECK_MS)]);
      if (url.protocol === "https:")
        return answers.every((one) => isIP(one) !== 0 && reachable(one, "https:")) ? { url } : { fault: FAULTS.host };
      return answers.length > 0 && answers.every(excepted) ? { url } : { fault: FAULTS.scheme };
    },
    connector(build) {
      const secure = connector(build, "https:");
      const plain = connector(build, "http:");
      return (options, callback) => (options.protocol === "http:" ? plain : secure)(options, callback);
    },
  };
}

function refusal(): Error {
  return Object.assign(new Error("not a public address"), { code: EGRESS_REFUSED });
}

function nothingAfter(milliseconds: number): Promise<string[]> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, []).unref());
}

/** The URL as the WHATWG parser normalises it, or a fault; also refuses what the parser would quietly repair. */
function parse(address: string): URL | Fault {
  if (address.length > MAX_ADDRESS) return FAULTS.length;
  if (/[\s\u0000-\u0020\u007f-\u00a0\\]/.test(address) || !URL.canParse(address)) return FAULTS.malformed;
  const url = new URL(address);
  if (url.protocol !== "https:" && url.protocol !== "http:") return FAULTS.scheme;
  const authority = /^https?:\/\/([^/?#]+)/i.exec(address)?.[1];
  if (authority === undefined) return FAULTS.malformed;
  if (url.username !== "" || url.password !== "" || authority.includes("@")) return FAULTS.userInfo;
  if (url.port === "0") return FAULTS.port;
  if (authority.includes("%")) return FAULTS.host;
  // An IPv4 address written in octal, hex, one number or full-width digits is an address that hides.
  const written = authority.replace(/:\d*$/, "");
  if (isIP(url.hostname) === 4 && written !== url.hostname) return FAULTS.host;
  url.hash = "";
  if (url.hostname.endsWith(".")) url.hostname = url.hostname.slice(0, -1);
  // A second dot would make another name of the same host, which the machine's own table does not know.
  if (url.hostname.endsWith(".")) return FAULTS.malformed;
  return url.href.length > MAX_ADDRESS ? FAULTS.length : url;
}

/** Whether a name may stand for a host of the Internet: two labels or more, no special-use or metadata name. */
function isPublicName(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, "");
  return NAME.test(name) && !SPECIAL_SUFFIX.test(name) && !METADATA_NAMES.has(name);
}

/**
 * Whether an address is of the public Internet (IANA special-purpose registries by ipaddr.js). IPv6 only in 2000::/3,
 * so that no IPv4 address inside an IPv6 one (mapped, compatible, translated, NAT64, 6to4, Teredo) gets through.
 */
export function isPublic(text: string): boolean {
  const address = ipaddr.parse(text);
  if (address.range() !== "unicast" || METADATA_ADDRESSES.has(address.toString())) return false;
  return address instanceof ipaddr.IPv4 || ((address.parts[0] ?? 0) & 0xe000) === 0x2000;
}
