import { connect } from "node:net";

export type LoadResult = { requests: number; perSecond: number; p50: number; p99: number; bad: number };

/**
 * A closed loop of hand-written HTTP/1.1 requests over kept connections: the cheapest generator there is, because it shares
 * two cores with what it measures. `bodyOf` makes the body of the n-th request; times are in milliseconds.
 */
export async function load(options: {
  port: number;
  path: string;
  headers: Record<string, string>;
  bodyOf: (n: number) => string;
  connections: number;
  seconds: number;
}): Promise<LoadResult> {
  const times: number[] = [];
  let bad = 0;
  let n = 0;
  const head = `POST ${options.path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${Object.entries(options.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}`;
  const begin = performance.now();
  const end = begin + options.seconds * 1000;

  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect({ port: options.port, host: "127.0.0.1", noDelay: true });
      let sent = 0;
      let buffer = "";
      const next = () => {
        if (performance.now() >= end) {
          socket.destroy();
          resolve();
          return;
        }
        const body = options.bodyOf(n++);
        sent = performance.now();
        socket.write(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      };
      socket.on("connect", next);
      socket.on("error", reject);
      socket.on("close", resolve);
      socket.on("data", (chunk) => {
        buffer += chunk.toString("latin1");
        const headEnd = buffer.indexOf("\r\n\r\n");
        if (headEnd < 0) return;
        const length = /content-length: (\d+)/i.exec(buffer.slice(0, headEnd))?.[1];
        const whole =
          length === undefined ? buffer.endsWith("0\r\n\r\n") : buffer.length >= headEnd + 4 + Number(length);
        if (!whole) return;
        times.push(performance.now() - sent);
        if (buffer.charCodeAt(9) !== 50) bad++;
        buffer = "";
        next();
      });
    });
  await Promise.all(Array.from({ length: options.connections }, one));
  const seconds = (performance.now() - begin) / 1000;
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  return { requests: times.length, perSecond: times.length / seconds, p50: at(0.5), p99: at(0.99), bad };
}
