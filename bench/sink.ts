// A webhook receiver in a process of its own. Counts first arrivals and repeats per announcement; answers as told.
// SINK_DELAY_MS: answer late. SINK_FAIL_PCT: share of receivers that answer 503 to the first try. SINK_MUTE_PCT: never answer.
// SINK_PORT: the port to listen at, any other free one if not named.
// SINK_TLS: key and certificate as JSON; then every push is a new TLS connection, and the figures are asked for at `statsPort`.
import { constants } from "node:crypto";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { pushKey } from "./push-key.ts";

const delay = Number(process.env["SINK_DELAY_MS"] ?? 0);
const failing = Number(process.env["SINK_FAIL_PCT"] ?? 0);
const tls = process.env["SINK_TLS"];
const mute = Number(process.env["SINK_MUTE_PCT"] ?? 0);

type Round = {
  seen: Map<string, number>;
  first: number;
  last: number;
  /** The last of those who never refused. */
  healthy: number;
  repeats: number;
  refused: Set<string>;
};
const rounds = new Map<string, Round>();

function roundOf(name: string): Round {
  let round = rounds.get(name);
  if (!round) {
    round = { seen: new Map(), first: 0, last: 0, healthy: 0, repeats: 0, refused: new Set() };
    rounds.set(name, round);
  }
  return round;
}

/** The HTTP status for one arrival; undefined: never answer. */
function arrive(path: string, announcement: string): number | undefined {
  const round = roundOf(announcement);
  const receiver = Number(path.slice(path.lastIndexOf("/") + 1));
  if (receiver % 100 < mute) return undefined;
  if ((receiver * 7) % 100 < failing && !round.refused.has(path)) {
    round.refused.add(path);
    return 503;
  }
  const now = performance.timeOrigin + performance.now();
  const count = round.seen.get(path) ?? 0;
  round.seen.set(path, count + 1);
  if (count > 0) round.repeats++;
  else {
    if (round.first === 0) round.first = now;
    round.last = now;
    if (!round.refused.has(path)) round.healthy = now;
  }
  return 200;
}

const handle: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    if (request.url?.startsWith("/__stats/")) {
      const round = roundOf(decodeURIComponent(request.url.slice("/__stats/".length)));
      const { first, last, healthy, repeats } = round;
      response.end(JSON.stringify({ received: round.seen.size, first, last, healthy, repeats }));
      return;
    }
    const status = arrive(request.url ?? "/", pushKey(Buffer.concat(chunks)));
    const answer = () => {
      if (status === undefined) return;
      response.writeHead(status, { "content-length": 2, ...(tls ? { connection: "close" } : {}) });
      response.end("ok");
    };
    if (delay > 0) setTimeout(answer, delay);
    else answer();
  });
};

const listening = (server: Server | TlsServer, port = 0): Promise<number> =>
  new Promise((resolve) => {
    server.listen(port, "127.0.0.1", 4096, () => resolve((server.address() as AddressInfo).port));
  });
const port = await listening(createServer({ keepAliveTimeout: 60_000 }, handle), Number(process.env["SINK_PORT"] ?? 0));
if (tls) {
  // Neither tickets nor a cache: every connection is a whole handshake.
  const { key, cert } = JSON.parse(tls) as { key: string; cert: string };
  const secure = createTlsServer({ key, cert, secureOptions: constants.SSL_OP_NO_TICKET }, handle);
  console.log(JSON.stringify({ port: await listening(secure), statsPort: port }));
} else console.log(JSON.stringify({ port }));
process.on("disconnect", () => process.exit(0));
