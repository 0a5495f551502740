import type { InputError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";

/** How a vendor writes the address of a group robot: `origin` + `path` + the robot's key, and nothing else. */
export type RobotPlace = {
  origin: string;
  /** Up to the key. */
  path: string;
  /** The whole key, in lower case. */
  key: RegExp;
  /** What people are told to copy. */
  example: string;
};

export type RobotAddresses = {
  check(address: string): { address: string } | { errors: InputError[] };
  shown(address: string): string;
  credential(address: string): string;
};

/**
 * Addresses of one vendor's robots. Only the vendor's own host, over https on its usual port, with its path and one
 * well-formed key: whoever may name an address can make us call nobody else (reliability S1). Keys are told in lower case,
 * so one robot has one text. The key is all it takes to write into the group: it is never shown, logged or answered.
 */
export function robotAddresses({ origin, path, key, example }: RobotPlace): RobotAddresses {
  const start = origin + path;
  const keyOf = (address: string): string => address.slice(start.length);

  function check(text: string): { address: string } | { errors: InputError[] } {
    const address = text.trim();
    if (!URL.canParse(address)) return wrong("ADDRESS_MALFORMED", example);
    const url = new URL(address);
    if (url.protocol !== "https:") return wrong("ADDRESS_SCHEME", example);
    if (url.origin !== origin || url.username !== "" || url.password !== "") return wrong("ADDRESS_HOST", example);
    // The parser repairs too much (dots, backslashes, other scripts): what counts is the text as it stands.
    const authority = /^https:\/\/[^/?#\\]*/i.exec(address)?.[0] ?? "";
    if (authority.toLowerCase().replace(/:443$/, "") !== origin) return wrong("ADDRESS_HOST", example);
    const rest = address.slice(authority.length);
    const named = rest.startsWith(path) ? rest.slice(path.length).toLowerCase() : "";
    return key.test(named) ? { address: start + named } : wrong("ADDRESS_ROBOT", example);
  }

  return {
    check,
    shown: (address) => {
      const secret = keyOf(address);
      return address.startsWith(start) ? `${start}${secret.slice(0, 4)}…${secret.slice(-4)}` : `${origin}/…`;
    },
    credential: (address) => sha256(address).slice(0, 16),
  };
}

function wrong(code: string, example: string): { errors: InputError[] } {
  const detail = {
    zh: `应为群机器人设置页上复制的完整地址，形如 ${example}，不带其他参数`,
    en: `give the whole address as copied from the group robot's settings, like ${example}, with nothing added`,
  };
  return { errors: [{ pointer: "/endpoint/address", code, detail }] };
}
