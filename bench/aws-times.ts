// How long a fan-out takes on AWS, by the rule by which a queue's function gets its concurrency; the work is the planner's own.

/** A queue's mapping as serverless.yml has it. */
export type Mapping = {
  batch: number;
  most: number;
  memory: number /** Seconds that a call waits for its batch to be full. */;
  window?: number;
};

export type Inputs = {
  /** docs.aws.amazon.com, services-sqs-scaling: batches at once when a queue wakes, and how many more a minute. */
  startsWith: number;
  perMinute: number;
  /** Milliseconds, guesses on the careful side: stream to function, queue to function, a cold start, one call of the table, of the queue, a page of 1,000 rows. */
  feedMs: number;
  pickUpMs: number;
  coldMs: number;
  tableMs: number;
  queueMs: number;
  pageMs: number;
  /** Megabytes for which a function has one whole core (docs.aws.amazon.com, configuration-memory). */
  coreMegabytes: number;
  /** CPU of one endpoint planned, of one push over a new TLS connection: milliseconds, `npm run bench` on this machine. */
  planCpuMs: number;
  pushCpuMs: number;
  /** Read units to plan one endpoint: its row of the topic index, by `scale-counts`. */
  rowReadUnits: number;
  /** Receivers: how long they take to answer, and the share that never does (they are left after `silentMs`). */
  answerMs: number;
  silentPercent: number;
  silentMs: number;
  /** The share of the silent ones that kept failing before: they are planned apart, and have calls of their own. */
  knownPercent: number;
};

export const INPUTS: Inputs = {
  startsWith: 5,
  perMinute: 300,
  feedMs: 500,
  pickUpMs: 50,
  coldMs: 400,
  tableMs: 8,
  queueMs: 15,
  pageMs: 60,
  coreMegabytes: 1769,
  planCpuMs: 0.008,
  pushCpuMs: 0.9,
  rowReadUnits: 0.027,
  answerMs: 300,
  silentPercent: 0,
  silentMs: 15_000,
  knownPercent: 0,
};

// As fan-out.ts and the webhook's limits have them; tests/units/scale-counts.test.ts holds them to the messages really sent.
const WINDOW = 1000;
const WINDOWS_A_RUN = 5;
const ENDPOINTS_A_RANGE = 5000;
const MOST_CHILDREN = 90;
const CHUNK = 100;
const IN_FLIGHT = 512;
const SHARDS = 64;

export type Times = {
  plannedSeconds: number;
  /** Until the last receiver that answers has answered. */
  lastSeconds: number;
  planners: number;
  workers: number;
  /** Calls at once for those who keep failing, and when the last of them has had its push. */
  lateWorkers: number;
  lateSeconds: number;
  /** Messages that were handed over and not ended, at most. */
  inFlight: number;
  gigabyteSecondsPerPush: number;
  /** In the second in which one got most: read units of one shard of the topic index, write units of the fan-out's own partition, read units there. */
  shardReads: number;
  fanoutWrites: number;
  fanoutReads: number;
};

/** A range: how many endpoints are left in it, and where they lie between 0 and 1. */
type Part = { left: number; from: number; to: number; depth: number };

type Call = { at: number; run: (at: number) => void };

function add(load: Map<string, number>, where: string, at: number, units: number): void {
  const key = `${where}@${Math.floor(at / 1000)}`;
  load.set(key, (load.get(key) ?? 0) + units);
}

function most(load: Map<string, number>): number {
  return Math.max(0, ...load.values());
}

/** Whole milliseconds in order; a few hundred thousand calls at most. */
function timeline() {
  const slots = new Map<number, Call[]>();
  const order: number[] = [];
  let now = 0;
  return {
    at(ms: number, run: (at: number) => void): void {
      const slot = Math.max(now, Math.ceil(ms));
      const list = slots.get(slot);
      if (list) list.push({ at: slot, run });
      else {
        slots.set(slot, [{ at: slot, run }]);
        push(order, slot);
      }
    },
    run(): void {
      for (let next = pop(order); next !== undefined; next = pop(order)) {
        now = next;
        const list = slots.get(next) ?? [];
        for (let i = 0; i < list.length; i++) list[i]?.run(next);
        slots.delete(next);
      }
    },
  };
}

/** A binary heap of numbers. */
function push(heap: number[], value: number): void {
  let i = heap.push(value) - 1;
  while (i > 0) {
    const up = (i - 1) >> 1;
    if ((heap[up] ?? 0) <= value) break;
    heap[i] = heap[up] ?? 0;
    i = up;
  }
  heap[i] = value;
}

function pop(heap: number[]): number | undefined {
  const top = heap[0];
  const value = heap.pop();
  if (top === undefined || value === undefined || heap.length === 0) return top;
  let i = 0;
  for (;;) {
    let down = 2 * i + 1;
    if (down >= heap.length) break;
    if ((heap[down + 1] ?? Number.POSITIVE_INFINITY) < (heap[down] ?? 0)) down++;
    if ((heap[down] ?? 0) >= value) break;
    heap[i] = heap[down] ?? 0;
    i = down;
  }
  heap[i] = value;
  return top;
}

function chunked(members: number): number[] {
  return Array.from({ length: Math.ceil(members / CHUNK) }, (_, i) => Math.min(CHUNK, members - i * CHUNK));
}

/** Plans and pushes one announcement to so many webhooks, nothing else going on, every function cold. */
export function awsTimes(
  endpoints: number,
  mappings: { fanout: Mapping; deliver: Mapping; late: Mapping },
  inputs: Inputs,
): Times {
  const clock = timeline();
  const { tableMs, queueMs, pageMs, planCpuMs, pushCpuMs, coreMegabytes, answerMs, silentMs } = inputs;
  const known = (inputs.silentPercent / 100) * (inputs.knownPercent / 100);
  const silentShare = inputs.silentPercent / 100 - known;
  const load = {
    shards: new Map<string, number>(),
    writes: new Map<string, number>(),
    reads: new Map<string, number>(),
  };
  const seen = { planned: 0, last: 0, late: 0, gigabyteMs: 0, inFlight: 0, mostInFlight: 0 };
  const core = ({ memory }: Mapping) => memory / coreMegabytes;
  const windowMs = pageMs + (WINDOW * planCpuMs) / Math.min(1, core(mappings.fanout)) + 3 * tableMs + queueMs;

  /** A queue's function: `take` says how long a call over these messages lasts, and starts what follows from it. */
  function pool<Message>(mapping: Mapping, take: (messages: Message[], at: number) => number) {
    const waiting: { message: Message; at: number }[] = [];
    const windowMs = (mapping.window ?? 0) * 1000;
    const warm: number[] = [];
    let running = 0;
    let most = 0;
    let since: number | undefined;
    let alarm = 0;
    const pump = (at: number): void => {
      since ??= at;
      for (;;) {
        if (waiting.length === 0) return;
        const allowed = Math.min(
          mapping.most,
          Math.floor(inputs.startsWith + ((at - since) * inputs.perMinute) / 60_000),
        );
        if (running >= allowed) {
          if (allowed < mapping.most && alarm <= at) {
            alarm = since + ((allowed + 1 - inputs.startsWith) * 60_000) / inputs.perMinute;
            clock.at(alarm, pump);
          }
          return;
        }
        const full = (waiting[0]?.at ?? 0) + windowMs;
        if (waiting.length < mapping.batch && at < full) {
          clock.at(full, pump);
          return;
        }
        const messages = waiting.splice(0, mapping.batch).map(({ message }) => message);
        running++;
        most = Math.max(most, running);
        seen.inFlight += messages.length;
        seen.mostInFlight = Math.max(seen.mostInFlight, seen.inFlight);
        const cold = warm.pop() === undefined ? inputs.coldMs : 0;
        const begin = at + cold;
        const ms = take(messages, begin) + cold;
        seen.gigabyteMs += (ms * mapping.memory) / 1024;
        clock.at(at + ms, (end) => {
          running--;
          warm.push(1);
          seen.inFlight -= messages.length;
          pump(end);
        });
      }
    };
    return {
      send(messages: Message[], at: number): void {
        clock.at(at + inputs.pickUpMs, (then) => {
          for (const message of messages) waiting.push({ message, at: then });
          pump(then);
        });
      },
      most: () => most,
    };
  }

  const deliver = pool<number>(mappings.deliver, (chunks, at) => {
    const pushes = chunks.reduce((sum, chunk) => sum + chunk, 0);
    const cpuMs = (pushes * pushCpuMs) / core(mappings.deliver);
    const healthy = 2 * tableMs + Math.max(cpuMs + answerMs, Math.ceil(pushes / IN_FLIGHT) * answerMs);
    seen.last = Math.max(seen.last, at + healthy);
    // The fan-out is read once a call, by all its chunks together.
    add(load.reads, "", at, 1);
    const silent = (1 - (1 - silentShare) ** pushes) * silentMs;
    return Math.max(healthy, silent) + tableMs;
  });

  /** Chunks of those who keep failing. */
  const late = pool<number>(mappings.late, (chunks, at) => {
    const pushes = chunks.reduce((sum, chunk) => sum + chunk, 0);
    seen.late = Math.max(seen.late, at);
    add(load.reads, "", at, 1);
    return 3 * tableMs + (pushes * pushCpuMs) / core(mappings.late) + silentMs;
  });

  const fanout = pool<Part>(mappings.fanout, ([part], at) => {
    if (!part) return 0;
    const { left, from, to, depth } = part;
    let planned = 0;
    let ms = tableMs;
    let place = from;
    for (let window = 0; window < WINDOWS_A_RUN && planned < left; window++) {
      const members = Math.min(WINDOW, left - planned);
      place = from + ((to - from) * planned) / left;
      add(load.shards, `${Math.floor(place * SHARDS)}`, at + ms, members * inputs.rowReadUnits);
      ms += windowMs;
      planned += members;
      // Its row, written; the fan-out, read before every window.
      add(load.writes, "", at + ms, 1);
      add(load.reads, "", at + ms, 1);
      const failing = Math.round(members * known);
      deliver.send(chunked(members - failing), at + ms);
      if (failing > 0) late.send(chunked(failing), at + ms);
    }
    seen.planned = Math.max(seen.planned, at + ms);
    const rest = left - planned;
    if (rest <= 0) return ms;
    const children = Math.min(MOST_CHILDREN, Math.ceil(rest / ENDPOINTS_A_RANGE));
    if (children > 1) add(load.writes, "", at + ms, 2 * (children + 1));
    ms += tableMs * (children > 1 ? 3 : 0) + queueMs;
    const begin = from + ((to - from) * planned) / left;
    const border = (i: number) => begin + ((to - begin) * i) / children;
    for (let i = 0; i < children; i++) {
      const own = Math.floor(((i + 1) * rest) / children) - Math.floor((i * rest) / children);
      const later = depth === 0 ? 0 : i * 1000;
      fanout.send(
        [{ left: own, from: border(i), to: border(i + 1), depth: depth + (children > 1 ? 1 : 0) }],
        at + ms + later,
      );
    }
    return ms;
  });

  fanout.send([{ left: endpoints, from: 0, to: 1, depth: 0 }], inputs.feedMs + inputs.coldMs);
  clock.run();
  return {
    plannedSeconds: seen.planned / 1000,
    lastSeconds: seen.last / 1000,
    planners: fanout.most(),
    workers: deliver.most(),
    lateWorkers: late.most(),
    lateSeconds: seen.late / 1000,
    inFlight: seen.mostInFlight,
    gigabyteSecondsPerPush: seen.gigabyteMs / 1000 / endpoints,
    shardReads: most(load.shards),
    fanoutWrites: most(load.writes),
    fanoutReads: most(load.reads),
  };
}
