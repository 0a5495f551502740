import { isIP } from "node:net";
import ipaddr from "ipaddr.js";

type Address = ReturnType<typeof ipaddr.process>;

/** Who is behind a connection from `peer`, as text; undefined when the connection has no address. */
export type ClientAddress = (peer: string | undefined, headers: Headers) => string | undefined;

const FORWARDED = "x-forwarded-for";
const OF_A_PROXY_HERE = new Set(["loopback", "private", "uniqueLocal", "linkLocal", "carrierGradeNat"]);

/**
 * Reads X-Forwarded-For, to which each proxy appends whom it saw: from the right, as long as those who appended are
 * trusted. `trusted`: the addresses and CIDRs of GAOSHI_TRUSTED_PROXIES. What no address is ends the reading: the proxy before it
 * stands for whoever is behind. `untrusted` hears once of a neighbour that looks like a proxy and is not trusted.
 */
export function clientAddress(trusted: readonly string[], untrusted?: (peer: string) => void): ClientAddress {
  const networks = trusted.map(networkIn);
  const trusts = (address: Address) =>
    networks.some(([range, bits]) => range.kind() === address.kind() && address.match(range, bits));
  let told = untrusted === undefined;

  return (peer, headers) => {
    if (peer === undefined || (networks.length === 0 && told)) return peer;
    const forwarded = headers.get(FORWARDED);
    const nearest = forwarded === null ? undefined : addressIn(peer);
    if (forwarded === null || nearest === undefined) return peer;
    if (!trusts(nearest)) {
      if (!told && OF_A_PROXY_HERE.has(nearest.range())) {
        told = true;
        untrusted?.(peer);
      }
      return peer;
    }
    let client = nearest;
    for (const entry of forwarded.split(",").reverse()) {
      const before = addressIn(withoutPort(entry.trim()));
      if (before === undefined) break;
      client = before;
      if (!trusts(client)) break;
    }
    return client.toString();
  };
}

/** An IPv4 address written as IPv6 is that address. Node is stricter than the parser, which takes `1` and `0x7f.1`. */
function addressIn(text: string): Address | undefined {
  return isIP(text) === 0 ? undefined : ipaddr.process(text);
}

/** `1.2.3.4:80`, `[2001:db8::1]:80` and `[2001:db8::1]` without what is not the address. */
function withoutPort(entry: string): string {
  const [, inBrackets, bare] = /^(?:\[([^\]]*)\]|([0-9.]+))(?::\d{1,5})?$/.exec(entry) ?? [];
  return inBrackets ?? bare ?? entry;
}

function networkIn(text: string): [Address, number] {
  const [address = "", bits] = text.split("/");
  const range = ipaddr.process(address);
  const written = ipaddr.parse(address).kind();
  const shorter = written === range.kind() ? 0 : 96;
  const all = range.kind() === "ipv4" ? 32 : 128;
  return [range, bits === undefined ? all : Number(bits) - shorter];
}
