import { setTimeout as sleep } from "node:timers/promises";

const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const OPEN_MS = 5 * 60_000;

/**
 * A ledger as server-sent events: one event whenever it changed, until it is closed or the reader leaves or may no longer
 * read it (`stands`: a token that is revoked stops here as well). Where answers cannot
 * stream (a function behind a gateway) it is one event, and the reader comes back by itself: so both kinds of host are
 * followed by the same `EventSource`.
 */
export function ledgerStream(
  read: () => Promise<{ closed: boolean }>,
  options: { streams: boolean; signal: AbortSignal; stands: () => Promise<boolean> },
): Response {
  const { streams, signal, stands } = options;
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const say = (text: string) => controller.enqueue(encoder.encode(text));
      const end = performance.now() + OPEN_MS;
      let last = "";
      let pause = PAUSE_MS;
      say(`retry: ${streams ? 3000 : 1000}\n\n`);
      try {
        while (await stands()) {
          const ledger = await read();
          const text = JSON.stringify(ledger);
          say(text === last ? ": still\n\n" : `event: ledger\ndata: ${text}\n\n`);
          pause = text === last ? Math.min(pause * 1.5, LONGEST_PAUSE_MS) : PAUSE_MS;
          last = text;
          // Told to go, an EventSource does not come back.
          if (ledger.closed) say("event: closed\ndata: {}\n\n");
          if (ledger.closed || !streams || signal.aborted || performance.now() > end) break;
          await sleep(pause, undefined, { signal });
        }
      } catch (error) {
        if (!signal.aborted) say("event: unavailable\ndata: {}\n\n");
        if (!(error instanceof Error)) throw error;
      }
      controller.close();
    },
  });
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  };
  return new Response(body, { headers });
}
