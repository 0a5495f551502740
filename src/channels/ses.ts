import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { withoutAddresses } from "./email-address.ts";
import type { Post } from "./smtp.ts";

/** One call of SESv2 SendEmail with a raw message: the provider's id, or what went wrong. No `status`: no answer came. */
export type SesAnswer = { id: string } | { error: string; status?: number; message: string; connected: boolean };

/** Sends by Amazon SES; given by the wiring, since only src/platform/aws knows the SDK. */
export type SendBySes = (
  region: string,
  mail: { from: string; to: string; bytes: Buffer },
  seconds: { connect: number; answer: number },
) => Promise<SesAnswer>;

/** Mails through Amazon SES. Its id comes back in every notification, so it is the receipt. */
export function openSes(sendBySes: SendBySes, region: string, seconds: { connect: number; answer: number }): Post {
  return {
    send: async ({ from, to, bytes }) => sesOutcome(await sendBySes(region, { from, to, bytes }, seconds)),
    close: () => {},
  };
}

const HOUR = 3600;
const SETUP =
  /^(AccessDenied|UnrecognizedClient|InvalidClientTokenId|InvalidSignature|SignatureDoesNotMatch|ExpiredToken|CredentialsProvider|AccountSuspended|SendingPaused|MailFromDomainNotVerified|NotFound|UnknownEndpoint)/;

/** The errors of SESv2 SendEmail (API reference, "Errors"), and what the SDK says of credentials and connections. */
export function sesOutcome(answer: SesAnswer): Outcome {
  if ("id" in answer) return { kind: "accepted", status: 200, receipt: answer.id };
  const { error, status, message, connected } = answer;
  const detail = withoutAddresses(`${error}: ${message}`);
  if (status === undefined && !SETUP.test(error))
    return connected ? { kind: "unknown", detail } : { kind: "retry", detail };
  const told = { detail, ...(status === undefined ? {} : { status }) };
  const pause = (seconds: number, because: "rate" | "quota" | "configuration"): Outcome => ({
    kind: "retry",
    ...told,
    pause: { seconds, because },
  });
  if (SETUP.test(error)) return pause(300, "configuration");
  if (/not verified|sandbox|production access/i.test(message)) return pause(300, "configuration");
  if (/quota|24 hours/i.test(message) || error.startsWith("LimitExceeded")) return pause(HOUR, "quota");
  if (status === 429 || /Throttl|TooManyRequests|rate exceeded/i.test(`${error} ${message}`)) return pause(10, "rate");
  // HTML or nothing in a 200 is no id: taken or not, nobody knows.
  if (status === 200) return { kind: "unknown", detail };
  if (error.startsWith("MessageRejected") || error.startsWith("BadRequest")) return { kind: "rejected", ...told };
  return { kind: "retry", ...told };
}
