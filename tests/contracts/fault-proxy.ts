import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";

/** One call that passes: `action` as in `PutItem`, the body as text. */
export type Call = { action: string; body: string };

export type Answer = { status: number; body: string };

/**
 * What happens to a call. `pass`: nothing. `lose`: it has its effect, the answer is lost. `cut`: it never arrives.
 * An answer: given instead of the call. A function: changes the answer on its way back.
 */
export type Fate = "pass" | "lose" | "cut" | Answer | ((answer: Answer) => Answer | Promise<Answer>);

export type FaultProxy = {
  endpoint: string;
  calls: Call[];
  /** Decides over every further call. */
  decide(fate: (call: Call, number: number) => Fate | Promise<Fate>): void;
  stop(): Promise<void>;
};

export function awsError(type: string, message = type, status = 400): Answer {
  return { status, body: JSON.stringify({ __type: `com.amazonaws#${type}`, message }) };
}

/** Stands between the SDK and a server that speaks AWS JSON, and does to calls what networks and AWS do. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const calls: Call[] = [];
  let decide: (call: Call, number: number) => Fate | Promise<Fate> = () => "pass";

  async function forward(incoming: IncomingMessage, body: string): Promise<Answer> {
    const { "accept-encoding": _, ...headers } = incoming.headers;
    const forwarded = request(new URL(incoming.url ?? "/", target), { method: incoming.method ?? "POST", headers });
    forwarded.end(body);
    const [answer] = (await once(forwarded, "response")) as [IncomingMessage];
    return { status: answer.statusCode ?? 502, body: Buffer.concat(await answer.toArray()).toString() };
  }

  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const body = Buffer.concat(await incoming.toArray()).toString();
      const action = String(incoming.headers["x-amz-target"] ?? "").split(".")[1] ?? "";
      const call = { action, body };
      const fate = await decide(call, calls.push(call));
      if (fate === "cut") return incoming.socket.destroy();
      const real = typeof fate === "object" ? fate : await forward(incoming, body);
      if (fate === "lose") return incoming.socket.destroy();
      const answer = typeof fate === "function" ? await fate(real) : real;
      outgoing.writeHead(answer.status, { "content-type": "application/x-amz-json-1.0" }).end(answer.body);
    })().catch((error: Error) => outgoing.destroy(error));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`,
    calls,
    decide: (next) => {
      decide = next;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
