import { Agent, type Dispatcher } from "undici";
import { EGRESS_REFUSED, type Egress } from "./egress.ts";

/** A request to an address that passed `Egress.check`, or was stored after it did. */
export type OutgoingRequest = {
  method: "GET" | "HEAD" | "POST" | "OPTIONS";
  /** Normalised by `Egress.check`. */
  url: string;
  /** Names and values in turn. */
  headers: string[];
  body?: Buffer;
  /** False: the answer counts from its head on, its body is read and dropped behind the caller's back. */
  reads: boolean;
};

/**
 * - answer: a status came. `body` holds what was read of it, at most 64 KB; `whole` tells whether that was all.
 * - unreachable: no connection, so nothing left. Refused, unresolved and closed look the same on purpose.
 * - silent: the request left (or began to), no status came back in time or the connection broke.
 */
export type Answer =
  | {
      kind: "answer";
      status: number;
      headers: Record<string, string | string[] | undefined>;
      body: string;
      whole: boolean;
    }
  | { kind: "unreachable"; refused: boolean }
  | { kind: "silent"; detail: "time-out" | "broken" };

export type Outgoing = {
  send(request: OutgoingRequest): Promise<Answer>;
  close(): Promise<void>;
};

export type OutgoingSeconds = { answer: number; total: number };

const MAX_BODY = 64 * 1024;
const TICK_MS = 250;

/**
 * One pool of kept connections per origin, undici's dispatch without its streams (the least CPU a push can cost), and
 * one coarse clock for all total time-outs. Redirects are answers like any other; proxies of the environment are ignored.
 */
export function makeOutgoing(
  egress: Pick<Egress, "connect">,
  seconds: OutgoingSeconds = { answer: 15, total: 20 },
): Outgoing {
  const agent = new Agent({
    connect: egress.connect,
    allowH2: false,
    headersTimeout: seconds.answer * 1000,
    bodyTimeout: seconds.total * 1000,
    maxHeaderSize: 16 * 1024,
    keepAliveTimeout: 4000,
    keepAliveMaxTimeout: 60_000,
  });
  const lifetime = Math.ceil((seconds.total * 1000) / TICK_MS);
  // In the order of starting, and all with the same lifetime: the first one is always the next to end.
  const open = new Set<Exchange>();
  let tick = 0;
  let clock: NodeJS.Timeout | undefined;

  function onTick() {
    tick++;
    for (const exchange of open) {
      if (exchange.endsAt > tick) break;
      exchange.expire();
      open.delete(exchange);
    }
    if (open.size === 0 && clock !== undefined) {
      clearInterval(clock);
      clock = undefined;
    }
  }

  return {
    send(request) {
      clock ??= setInterval(onTick, TICK_MS);
      return new Promise((resolve) => {
        const exchange = makeExchange(request.reads, tick + lifetime, resolve, () => open.delete(exchange));
        open.add(exchange);
        const slash = request.url.indexOf("/", 8);
        agent.dispatch(
          {
            origin: request.url.slice(0, slash),
            path: request.url.slice(slash),
            method: request.method,
            headers: request.headers,
            body: request.body ?? null,
          },
          exchange,
        );
      });
    },
    async close() {
      if (clock !== undefined) clearInterval(clock);
      clock = undefined;
      await agent.destroy();
    },
  };
}

type Exchange = Dispatcher.DispatchHandler & { endsAt: number; expire(): void };

function makeExchange(reads: boolean, endsAt: number, answer: (answer: Answer) => void, ended: () => void): Exchange {
  let controller: Dispatcher.DispatchController | undefined;
  let sent = false;
  let over = false;
  let status = 0;
  let headers: Record<string, string | string[] | undefined> = {};
  let size = 0;
  const chunks: Buffer[] = [];
  const settle = (result: Answer) => {
    if (over) return;
    over = true;
    answer(result);
  };
  const answered = (whole: boolean): Answer => ({
    kind: "answer",
    status,
    headers,
    body: chunks.length === 0 ? "" : Buffer.concat(chunks).toString("utf8"),
    whole,
  });
  const failed = (error: Error | undefined): Answer => {
    if (status !== 0) return answered(false);
    const code = error === undefined ? "time-out" : String((error as Error & { code?: unknown }).code);
    if (!sent) return { kind: "unreachable", refused: code === EGRESS_REFUSED };
    return { kind: "silent", detail: /time-?out/i.test(code) ? "time-out" : "broken" };
  };
  return {
    endsAt,
    expire() {
      settle(failed(undefined));
      controller?.abort(new Error("out of time"));
    },
    onRequestStart(started) {
      controller = started;
      sent = true;
      if (over) started.abort(new Error("out of time"));
    },
    onResponseStart(_controller, statusCode, received) {
      if (statusCode < 200) return;
      status = statusCode;
      headers = received;
      if (!reads) settle(answered(true));
    },
    onResponseData(started, chunk) {
      size += chunk.length;
      if (size > MAX_BODY) {
        settle(answered(false));
        started.abort(new Error("answer too long"));
      } else if (reads) chunks.push(chunk);
    },
    onResponseEnd() {
      settle(answered(true));
      ended();
    },
    onResponseError(_controller, error) {
      settle(failed(error));
      ended();
    },
  };
}
