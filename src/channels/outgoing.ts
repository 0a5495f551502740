import type { Socket } from "node:net";
import type { Agent, buildConnector, Dispatcher } from "undici";
import { append, emptyList, type LinkedList, remove } from "#src/domain/deliveries/linked-list.ts";
import { originOf } from "#src/domain/deliveries/origin-of.ts";
import { EGRESS_REFUSED, type Egress } from "./egress.ts";
import { readOverContinue } from "./interim-answers.ts";

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
  /** Ends it, within a quarter of a second, as if its time were up. */
  signal?: AbortSignal | undefined;
  /** For a file instead of a text: it is read up to so many bytes, and stands in the answer's `bytes`. */
  fileBytes?: number;
};

/**
 * - answer: a status came. `body` holds what was read of it, at most 64 KB; `whole` tells whether that was all.
 * - unreachable: no connection, so nothing left. `refused`: it was the guard. Only staff is told, by the log and by the
 *   attempt in the ledger (`whyUnreachable`); to whoever subscribes refused, unresolved and closed look the same.
 * - silent: the request left (or began to), no status came back in time or the connection broke.
 */
export type Answer =
  | {
      kind: "answer";
      status: number;
      headers: Headers;
      body: string;
      bytes?: Buffer;
      whole: boolean;
    }
  | { kind: "unreachable"; refused: boolean }
  | { kind: "silent"; detail: "time-out" | "broken" };

/** The detail of an attempt. It never says where a name leads to. */
export function whyUnreachable({ refused }: Extract<Answer, { kind: "unreachable" }>): string {
  return refused ? "address not allowed" : "unreachable";
}

export type Outgoing = {
  send(request: OutgoingRequest): Promise<Answer>;
  /** Ends the requests whose answer is not read and that have waited for so long, as if their time were up. */
  giveUp(afterMs: number): void;
  close(): Promise<void>;
};

export type OutgoingSeconds = { answer: number; total: number };

const MAX_BODY = 64 * 1024;
const TICK_MS = 250;
const MOST_IDLE = 512;

/**
 * One pool of kept connections per origin, undici's dispatch without its streams (the least CPU a push can cost), and
 * one coarse clock for all total time-outs. Redirects are answers like any other; proxies of the environment are ignored.
 * `mostIdle`: where more connections than so many are open without a request, each is closed after its next answer, so that
 * thousands of hosts do not use up the files that this process may open.
 */
export function makeOutgoing(
  egress: Pick<Egress, "connector">,
  seconds: OutgoingSeconds = { answer: 15, total: 20 },
  mostIdle = MOST_IDLE,
): Outgoing {
  let agent: Agent | undefined;
  let loading: Promise<Agent> | undefined;
  let connections = 0;

  function counted(connect: buildConnector.connector): buildConnector.connector {
    return (options, callback) => {
      const socket = connect(options, (...made) => {
        callback(...made);
        if (made[1]) readOverContinue(made[1]);
      }) as unknown as Socket | undefined;
      if (!socket) return;
      connections++;
      socket.once("close", () => connections--);
    };
  }

  // undici takes a tenth of a second to load: only who sends pays for it.
  async function load(): Promise<Agent> {
    const undici = await import("./undici.ts");
    agent = new undici.Agent({
      connect: counted(egress.connector(undici.buildConnector)),
      // Told to the pools only: where the agent knows, it makes a longer name of every request's origin.
      factory: (origin, options) => new undici.Pool(origin, { ...options, allowH2: false }),
      headersTimeout: seconds.answer * 1000,
      // The same, or undici makes two timers anew for every push; what takes longer in all is ended by our own clock.
      bodyTimeout: seconds.answer * 1000,
      maxHeaderSize: 16 * 1024,
      keepAliveTimeout: 15_000,
      keepAliveMaxTimeout: 60_000,
    });
    return agent;
  }

  const lifetime = Math.ceil((seconds.total * 1000) / TICK_MS);
  // In the order of starting, and all with the same lifetime: the first one is always the next to end.
  const open = emptyList<Exchange>();
  let tick = 0;
  let clock: NodeJS.Timeout | undefined;

  function onTick() {
    tick++;
    for (let exchange = open.first; exchange && exchange.endsAt <= tick; exchange = open.first) {
      expire(exchange);
      remove(exchange);
    }
    let next: Exchange | undefined;
    for (let exchange = open.first; exchange; exchange = next) {
      next = exchange.next;
      if (!exchange.signal?.aborted) continue;
      expire(exchange);
      remove(exchange);
    }
    if (!open.first && clock !== undefined) {
      clearInterval(clock);
      clock = undefined;
    }
  }

  function sendBy(agent: Agent, request: OutgoingRequest): Promise<Answer> {
    clock ??= setInterval(onTick, TICK_MS);
    return new Promise((resolve) => {
      const exchange = newExchange(request, tick + lifetime, resolve);
      append(open, exchange);
      const origin = originOf(request.url);
      const reset = connections - open.count > mostIdle;
      agent.dispatch(
        {
          origin,
          path: request.url.slice(origin.length),
          method: request.method,
          headers: request.headers,
          body: request.body ?? null,
          reset,
        },
        exchange,
      );
    });
  }

  return {
    send(request) {
      if (agent !== undefined) return sendBy(agent, request);
      loading ??= load();
      return loading.then((loaded) => sendBy(loaded, request));
    },
    giveUp(afterMs) {
      const ends = tick + lifetime - Math.ceil(afterMs / TICK_MS);
      let next: Exchange | undefined;
      for (let exchange = open.first; exchange && exchange.endsAt <= ends; exchange = next) {
        next = exchange.next;
        if (exchange.reads) continue;
        expire(exchange);
        remove(exchange);
      }
    },
    async close() {
      if (clock !== undefined) clearInterval(clock);
      clock = undefined;
      await agent?.destroy();
    },
  };
}

type Headers = Record<string, string | string[] | undefined>;

type Exchange = Dispatcher.DispatchHandler & {
  reads: boolean;
  signal: AbortSignal | undefined;
  fileBytes: number | undefined;
  endsAt: number;
  list: LinkedList<Exchange> | undefined;
  before: Exchange | undefined;
  next: Exchange | undefined;
  answer: ((answer: Answer) => void) | undefined;
  controller: Dispatcher.DispatchController | undefined;
  sent: boolean;
  status: number;
  headers: Headers;
  size: number;
  chunks: Buffer[] | undefined;
};

// Shared functions on a plain object: a closure per handler and push would be a fifth of a push's garbage.
function newExchange(
  { reads, signal, fileBytes }: OutgoingRequest,
  endsAt: number,
  answer: (answer: Answer) => void,
): Exchange {
  return {
    reads,
    signal,
    fileBytes,
    endsAt,
    list: undefined,
    before: undefined,
    next: undefined,
    answer,
    controller: undefined,
    sent: false,
    status: 0,
    headers: NO_HEADERS,
    size: 0,
    chunks: undefined,
    onRequestStart,
    onResponseStart,
    onResponseData,
    onResponseEnd,
    onResponseError,
  };
}

const NO_HEADERS: Headers = {};

function settle(exchange: Exchange, answer: Answer) {
  exchange.answer?.(answer);
  exchange.answer = undefined;
}

function answered({ status, headers, chunks, fileBytes }: Exchange, whole: boolean): Answer {
  if (fileBytes !== undefined)
    return { kind: "answer", status, headers, body: "", bytes: Buffer.concat(chunks ?? []), whole };
  const body = chunks === undefined ? "" : Buffer.concat(chunks).toString("utf8");
  return { kind: "answer", status, headers, body, whole };
}

function failed(exchange: Exchange, code: string): Answer {
  if (exchange.status !== 0) return answered(exchange, false);
  if (!exchange.sent) return { kind: "unreachable", refused: code === EGRESS_REFUSED };
  return { kind: "silent", detail: /time-?out/i.test(code) ? "time-out" : "broken" };
}

function expire(exchange: Exchange) {
  settle(exchange, failed(exchange, "time-out"));
  exchange.controller?.abort(new Error("out of time"));
}

function onRequestStart(this: Exchange, controller: Dispatcher.DispatchController) {
  this.controller = controller;
  this.sent = true;
  if (this.answer === undefined) controller.abort(new Error("out of time"));
}

function onResponseStart(this: Exchange, _controller: Dispatcher.DispatchController, status: number, headers: Headers) {
  if (status < 200) return;
  this.status = status;
  this.headers = headers;
  if (!this.reads) settle(this, answered(this, true));
}

function onResponseData(this: Exchange, controller: Dispatcher.DispatchController, chunk: Buffer) {
  this.size += chunk.length;
  if (this.size > (this.fileBytes ?? MAX_BODY)) {
    settle(this, answered(this, false));
    controller.abort(new Error("answer too long"));
    return;
  }
  if (!this.reads) return;
  this.chunks ??= [];
  this.chunks.push(chunk);
}

function onResponseEnd(this: Exchange) {
  settle(this, answered(this, true));
  remove(this);
}

function onResponseError(this: Exchange, _controller: Dispatcher.DispatchController, error: Error) {
  settle(this, failed(this, String((error as Error & { code?: unknown }).code)));
  remove(this);
}
