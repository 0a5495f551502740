import type { Outcome } from "#src/domain/deliveries/channel.ts";
import type { Server } from "./email-settings.ts";
import { type SmtpFailure, smtpOutcome } from "./smtp-outcome.ts";

/** A finished mail: its bytes, the addresses of its envelope, and its Message-ID without brackets. */
export type Letter = { from: string; to: string; id: string; bytes: Buffer };

export type Post = { send(letter: Letter): Promise<Outcome>; close(): void };

export type SmtpSeconds = { connect: number; answer: number; total: number };

/** Kept connections; more would only be more of them for the server to turn away. */
export const CONNECTIONS = 5;
const MAILS_PER_CONNECTION = 500;

/**
 * Hands mails to one SMTP server over few kept connections. The server is the operator's own choice, set by an admin, and
 * often inside the network, so the guard for addresses that strangers name (`egress.ts`) has no say here.
 * `250` after the last byte means that the server has taken it on, so: accepted. Once that byte may have left, silence is unknown.
 */
export async function openSmtp(server: Server, seconds: SmtpSeconds): Promise<Post> {
  const { createTransport } = await import("./nodemailer.ts");
  const secrets = [server.password, server.user].filter((one) => one !== undefined);
  const pool = createTransport({
    pool: true,
    host: server.host,
    port: server.port,
    secure: server.tls === "implicit",
    requireTLS: server.tls === "required",
    ignoreTLS: server.tls === "none",
    maxConnections: CONNECTIONS,
    maxMessages: MAILS_PER_CONNECTION,
    maxRequeues: 1,
    connectionTimeout: seconds.connect * 1000,
    greetingTimeout: seconds.answer * 1000,
    socketTimeout: seconds.answer * 1000,
    idleTimeout: 60_000,
    disableFileAccess: true,
    disableUrlAccess: true,
    ...(server.user === undefined ? {} : { auth: { user: server.user, pass: server.password } }),
    tls: {
      minVersion: "TLSv1.2",
      ...(server.ca ? { ca: server.ca } : {}),
      // A relay on this very machine usually shows a certificate that nobody can check, on a wire that nobody can tap.
      rejectUnauthorized: server.tls !== "offered" || server.ca !== undefined,
    },
  });
  const finished = new WeakMap<Buffer, () => void>();
  // The last byte has left when the connection has read the stream to its end, on whichever connection that was.
  pool.use("stream", (mail, done) => {
    const { raw } = mail.data;
    mail.message.processFunc((input) => input.once("end", () => Buffer.isBuffer(raw) && finished.get(raw)?.()));
    done();
  });

  return {
    async send({ from, to, id, bytes }) {
      let dotSent = false;
      finished.set(bytes, () => {
        dotSent = true;
      });
      try {
        const { response } = await pool.sendMail({
          envelope: { from, to },
          raw: bytes,
          ...reporting(id),
          signal: AbortSignal.timeout(seconds.total * 1000),
        });
        return { kind: "accepted", status: Number.parseInt(response, 10) || 250, receipt: id };
      } catch (error) {
        const outcome = smtpOutcome(error as SmtpFailure, dotSent, secrets);
        return outcome.kind === "unknown" ? { ...outcome, receipt: id } : outcome;
      }
    },
    close: () => pool.close(),
  };
}

const ENVELOPE_ID = 100;

/** Servers that know RFC 3461 give the id back in their report, which the mail's own header might not survive. */
function reporting(id: string) {
  const [name = ""] = id.split("@", 1);
  const known = name.length <= ENVELOPE_ID ? { id: name } : {};
  return { dsn: { ...known, return: "headers" as const, notify: ["failure"] } };
}
