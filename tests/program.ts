import { type ChildProcess, spawn } from "node:child_process";
import { connect, createServer } from "node:net";

export const ADMIN_TOKEN = "test-admin-token-0123456789abcdefghij";

// biome-ignore lint/suspicious/noExplicitAny: a test reads answers as a caller would, without our types.
type Answer = { status: number; body: any };

export type Program = {
  url: string;
  /** A request to the API by the first admin; `path` as behind /api/v1, a body that is text is NDJSON. */
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  output: () => string;
  /** SIGKILL: the power cut. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM: resolves with the exit code. */
  stop(): Promise<number | null>;
};

/** A port that nobody listens on, so that a program can come back to the same address after a crash. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

const serves = (url: string) =>
  fetch(`${url}/healthz`).then(
    (response) => response.ok,
    () => false,
  );

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });

/** `npm start` as a child process; resolves when it serves, or as soon as it `listens`, which is before. */
export async function startProgram(options: {
  data: string;
  port: number;
  until?: "listens" | "serves";
  env?: Record<string, string>;
}): Promise<Program> {
  const child: ChildProcess = spawn(process.execPath, ["src/main.ts"], {
    env: {
      ...process.env,
      PORT: String(options.port),
      GAOSHI_DATA: options.data,
      GAOSHI_ADMIN_TOKEN: ADMIN_TOKEN,
      GAOSHI_EGRESS_ALLOW: "127.0.0.0/8",
      ...options.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
  const url = `http://127.0.0.1:${options.port}`;

  const until = Date.now() + 20_000;
  for (;;) {
    if (options.until === "listens" ? await listens(options.port) : await serves(url)) break;
    if (child.exitCode !== null || Date.now() > until) {
      child.kill("SIGKILL");
      throw new Error(`the program did not start:\n${output}`);
    }
    await new Promise((resolve) => setTimeout(resolve, options.until === "listens" ? 1 : 25));
  }
  return {
    url,
    async ask(method, path, body) {
      const lines = typeof body === "string";
      const answer = await fetch(`${url}/api/v1${path}`, {
        method,
        headers: {
          authorization: `Bearer ${ADMIN_TOKEN}`,
          ...(body === undefined ? {} : { "content-type": lines ? "application/x-ndjson" : "application/json" }),
        },
        ...(body === undefined ? {} : { body: lines ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? undefined : JSON.parse(text) };
    },
    output: () => output,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}
