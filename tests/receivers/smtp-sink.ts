import type { AddressInfo, Socket } from "node:net";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import { selfSigned } from "./certificate.ts";

/** A mail as it came in: its envelope, its very bytes, and on which connection. */
export type ReceivedMail = { from: string; to: string; raw: Buffer; connection: string; at: number };

/**
 * How the server treats a recipient: a reply (`550 5.1.1 no such user`) where the command `at` is answered, taken one after
 * another, the last one for ever; `undefined` takes the mail. hang: never answers. reset: cuts the connection
 * before the text, or behind its last byte.
 */
export type SmtpBehaviour = {
  at?: "mail" | "rcpt" | "data";
  reply?: string | (string | undefined)[];
  fault?: "hang" | "reset" | "reset-after-data";
  delayMs?: number;
};

export type SmtpSink = {
  port: number;
  /** The certificate that it shows, as its own issuer. */
  ca: string;
  received: ReceivedMail[];
  answer(to: string, behaviour: SmtpBehaviour): void;
  /** Everybody is greeted with this instead of 220. */
  greet(reply: string | undefined): void;
  connections(): number;
  tls(): number;
  logins: string[];
  to(address: string): ReceivedMail[];
  next(address: string, count?: number): Promise<ParsedMail>;
  close(): Promise<void>;
};

/** A real SMTP server on a loopback address, after the package that nodemailer's own tests use. */
export async function startSmtpSink(
  options: { host?: string; secure?: boolean; starttls?: boolean; login?: { user: string; pass: string } } = {},
): Promise<SmtpSink> {
  const behaviours = new Map<string, SmtpBehaviour>();
  const served = new Map<string, number>();
  const received: ReceivedMail[] = [];
  const logins: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let encrypted = 0;
  let greeting: string | undefined;
  const host = options.host ?? "127.0.0.1";
  const { key, cert } = selfSigned([host]);

  function refusal(to: string, at: NonNullable<SmtpBehaviour["at"]>): Error | undefined {
    const behaviour = behaviours.get(to) ?? behaviours.get("*");
    if (behaviour?.reply === undefined || (behaviour.at ?? "rcpt") !== at) return undefined;
    const nth = served.get(to) ?? 0;
    served.set(to, nth + 1);
    const replies = [behaviour.reply].flat();
    const reply = replies[Math.min(nth, replies.length - 1)];
    if (reply === undefined) return undefined;
    return Object.assign(new Error(reply.slice(4)), { responseCode: Number(reply.slice(0, 3)) });
  }

  const socketOf = (port: number) => [...sockets].find(({ remotePort }) => remotePort === port);

  const server = new SMTPServer({
    secure: options.secure ?? false,
    key,
    cert,
    authOptional: options.login === undefined,
    disabledCommands: [...(options.starttls || options.secure ? [] : ["STARTTLS"]), ...(options.login ? [] : ["AUTH"])],
    disableReverseLookup: true,
    logger: false,
    closeTimeout: 100,
    size: 2_000_000,
    onConnect(_session, done) {
      connections++;
      if (greeting === undefined) return done();
      done(Object.assign(new Error(greeting.slice(4)), { responseCode: Number(greeting.slice(0, 3)) }));
    },
    onSecure(_socket, _session, done) {
      encrypted++;
      done();
    },
    onAuth({ username = "", password }, _session, done) {
      logins.push(username);
      if (username === options.login?.user && password === options.login?.pass) return done(null, { user: username });
      done(Object.assign(new Error("5.7.8 authentication failed"), { responseCode: 535 }));
    },
    onMailFrom(_address, _session, done) {
      done(refusal("*", "mail") ?? null);
    },
    onRcptTo({ address }, session, done) {
      if (behaviours.get(address)?.fault === "reset") return void socketOf(session.remotePort)?.resetAndDestroy();
      done(refusal(address, "rcpt") ?? null);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      const from = session.envelope.mailFrom === false ? "" : session.envelope.mailFrom.address;
      const to = session.envelope.rcptTo[0]?.address ?? "";
      const behaviour = behaviours.get(to) ?? behaviours.get("*") ?? {};
      const socket = socketOf(session.remotePort);
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        if (behaviour.fault === "hang") return;
        if (behaviour.fault === "reset-after-data") return void socket?.resetAndDestroy();
        const refused = refusal(to, "data");
        if (refused) return done(refused);
        received.push({ from, to, raw: Buffer.concat(chunks), connection: session.id, at: performance.now() });
        setTimeout(() => done(null, "2.0.0 queued"), behaviour.delayMs ?? 0);
      });
    },
  });
  server.on("error", () => {});
  server.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.server.address() as AddressInfo;
  const to = (address: string) => received.filter((mail) => mail.to === address);

  return {
    port,
    ca: cert,
    received,
    logins,
    answer: (address, behaviour) => {
      behaviours.set(address, behaviour);
      served.delete(address);
    },
    greet: (reply) => {
      greeting = reply;
    },
    connections: () => connections,
    tls: () => encrypted,
    to,
    async next(address, count = 1) {
      const end = performance.now() + 10_000;
      while (to(address).length < count) {
        if (performance.now() > end) throw new Error(`no mail for ${address}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return simpleParser(to(address)[count - 1]?.raw ?? "");
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
