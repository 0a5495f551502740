import type { Channel } from "./channel.ts";
import type { Pace } from "./pace.ts";
import type { Because } from "./pace-book.ts";
import { accountHash, credentialHash } from "./paced-by.ts";

/**
 * `at`: when the grant was given; it is for a push that starts at once. `setup`: see `Taken`. `until`: when the push's turn is.
 */
export type Turn =
  | { kind: "go"; at: number; probe: boolean; setup: number }
  | { kind: "wait"; at: number; until: number; because: Because; setup: number };

export type TurnAsk = { address: string; endpoint?: string; urgent: boolean; ticket: boolean; mends?: boolean };

type Waiting = TurnAsk & { resolve: (turn: Turn) => void; reject: (error: unknown) => void };

const MOST_AT_ONCE = 500;

/**
 * Asks for the pushes of one process: those of a credential that ask in the same moment share one write, and wait for no
 * other credential. Who may go by the credential asks its account as well, where the channel has one.
 */
export function makeTurns(channel: Channel, pace: Pace): (ask: TurnAsk) => Promise<Turn> {
  const own = askersOf(pace, (address) => credentialHash(channel, address));
  const { account } = pace;
  if (!account) return own;
  const shared = askersOf(account, (address) => accountHash(channel, address));
  return async (ask) => {
    const turn = await own(ask);
    return turn.kind === "wait" ? turn : shared(ask);
  };
}

function askersOf(pace: Pace, hashOf: (address: string) => string): (ask: TurnAsk) => Promise<Turn> {
  const lines = new Map<string, Waiting[]>();
  const rank = ({ urgent, mends }: Waiting) => (urgent ? 2 : mends ? 1 : 0);

  async function serve(hash: string, line: Waiting[]): Promise<void> {
    await new Promise((next) => setImmediate(next));
    while (line.length > 0) {
      const first = line.find((one) => rank(one) === 2) ?? line.find((one) => rank(one) === 1) ?? line[0];
      if (!first) break;
      let batch = [first];
      try {
        if (!(await pace.countsEndpoints(first.address)))
          batch = line.filter((one) => rank(one) === rank(first) && one.ticket === first.ticket).slice(0, MOST_AT_ONCE);
        const ask = { pushes: batch.length, urgent: first.urgent, ticket: first.ticket, mends: rank(first) === 1 };
        const { granted, at, turns, because, probe, setup } = await pace.take(first.address, ask, first.endpoint);
        for (const [i, one] of batch.entries()) {
          const until = turns[i - granted];
          one.resolve(
            until === undefined ? { kind: "go", at, probe, setup } : { kind: "wait", at, until, because, setup },
          );
        }
      } catch (error) {
        for (const one of batch) one.reject(error);
      }
      for (const one of batch) line.splice(line.indexOf(one), 1);
    }
    lines.delete(hash);
  }

  return (ask) => {
    const hash = hashOf(ask.address);
    return new Promise<Turn>((resolve, reject) => {
      const waiting = { ...ask, resolve, reject };
      const line = lines.get(hash);
      if (line) {
        line.push(waiting);
        return;
      }
      const fresh = [waiting];
      lines.set(hash, fresh);
      void serve(hash, fresh);
    });
  };
}
