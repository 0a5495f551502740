import type { Resolver } from "node:dns/promises";
import type { Resolve } from "./egress.ts";

/** The addresses that this machine's own table has for a name in lower case. */
export type HostsFile = (host: string) => string[];

// A connection has given up by then.
const PATIENCE = { timeout: 1000, tries: 4 };
// RFC 8305, section 3. For IPv4 longer: many networks have nothing else.
const LATE_MS = 50;
const LATE_FOUR_MS = 1500;
// The machine's name servers may change.
const KEEP_MS = 60_000;

/**
 * Every address of a name, IPv4 first: from the machine's own table, else from its name servers, which are asked directly. The system's
 * own look-up has four threads for the whole process, and one name whose servers do not answer holds one for many seconds.
 * Rejects with Node's DNS codes. `servers`: others than the machine's, for tests.
 */
export function makeResolve(hosts: HostsFile = () => [], servers?: string[]): Resolve {
  const asked = new Map<string, Promise<string[]>>();
  let resolver: Resolver | undefined;
  let madeAt = Number.NEGATIVE_INFINITY;

  async function ask(host: string): Promise<string[]> {
    if (!resolver || performance.now() - madeAt > KEEP_MS) {
      const { Resolver } = await import("node:dns/promises");
      resolver = new Resolver(PATIENCE);
      if (servers) resolver.setServers(servers);
      madeAt = performance.now();
    }
    const six = resolver.resolve6(host).catch(none);
    const four = resolver.resolve4(host).catch(async (error: unknown) => {
      if ((await six).length > 0) return none();
      throw error;
    });
    const silent = six.then(({ length }) => (length > 0 ? nothingAfter(LATE_FOUR_MS) : four));
    const found = await Promise.race([four, silent]);
    return [...found, ...(found.length > 0 ? await Promise.race([six, nothingAfter(LATE_MS)]) : await six)];
  }

  return async (host) => {
    const own = hosts(host.toLowerCase());
    if (own.length > 0) return own;
    let answer = asked.get(host);
    if (!answer) {
      answer = ask(host).finally(() => asked.delete(host));
      asked.set(host, answer);
    }
    return answer;
  };
}

function none(): string[] {
  return [];
}

function nothingAfter(milliseconds: number): Promise<string[]> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds, []));
}
