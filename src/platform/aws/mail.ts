import type { SESv2ClientConfig } from "@aws-sdk/client-sesv2";

/** A raw mail by SESv2 SendEmail: the provider's id, or its error by name; without a status no answer came. */
export type SesAnswer = { id: string } | { error: string; status?: number; message: string; connected: boolean };

type Mail = { from: string; to: string; bytes: Buffer };
type Seconds = { connect: number; answer: number };

/** Sends mails by SES. The SDK is loaded and a region's client made on first use; it repeats nothing, the ledger does. */
export function sesSender(config: SESv2ClientConfig = {}) {
  const clients = new Map<string, ReturnType<typeof load>>();

  async function load(region: string, { connect, answer }: Seconds) {
    const { SESv2Client, SendEmailCommand } = await import("./ses.ts");
    const client = new SESv2Client({
      region,
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: connect * 1000,
        requestTimeout: answer * 1000,
        throwOnRequestTimeout: true,
      },
      ...config,
    });
    return { client, SendEmailCommand };
  }

  return async (region: string, mail: Mail, seconds: Seconds): Promise<SesAnswer> => {
    let known = clients.get(region);
    if (!known) {
      known = load(region, seconds);
      clients.set(region, known);
    }
    try {
      const { client, SendEmailCommand } = await known;
      const { MessageId } = await client.send(
        new SendEmailCommand({
          FromEmailAddress: mail.from,
          Destination: { ToAddresses: [mail.to] },
          Content: { Raw: { Data: mail.bytes } },
        }),
      );
      if (MessageId) return { id: MessageId };
      return { error: "NoMessageId", status: 200, message: "the answer named no message", connected: true };
    } catch (error) {
      return answered(error);
    }
  };
}

const NEVER_CONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;

function answered(thrown: unknown): SesAnswer {
  const error = thrown as Error & { code?: string; syscall?: string; $metadata?: { httpStatusCode?: number } };
  const status = error.$metadata?.httpStatusCode;
  const unreached =
    NEVER_CONNECTED.test(error.code ?? "") ||
    error.syscall === "connect" ||
    /establish a connection/i.test(error.message);
  const credentials = /credential/i.test(`${error.name} ${error.message}`) && status === undefined;
  return {
    error: credentials ? "CredentialsProviderError" : error.name,
    message: error.message.slice(0, 300),
    connected: status !== undefined || !(unreached || credentials),
    ...(status === undefined ? {} : { status }),
  };
}
