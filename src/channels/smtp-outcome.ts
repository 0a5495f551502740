import type { Outcome } from "#src/domain/deliveries/channel.ts";
import { withoutAddresses } from "./email-address.ts";

/** What nodemailer says of a mail that did not go out, and whether the final dot may have left. */
export type SmtpFailure = {
  code?: string | undefined;
  command?: string | undefined;
  response?: string | undefined;
  responseCode?: number | undefined;
  originalCode?: string | undefined;
  message: string;
};

const RATE_SECONDS = 300;
const CONFIGURATION_SECONDS = 300;

const TOO_FAST = /too (?:many|fast|much)|rate|frequen|throttl|limit|slow down|busy|频率|频繁/i;
const QUOTA = /quota|daily|per day|24.?h|日限|每日|配额/i;
const FULL = /mailbox (?:is )?full|over ?quota|quota exceeded|insufficient storage|5\.2\.2|4\.2\.2/i;
const NOBODY =
  /user (?:is )?(?:unknown|not found|doesn)|unknown (?:user|recipient|mailbox)|no such (?:user|recipient|mailbox|address)|(?:mailbox|account|recipient|address|user) (?:is )?(?:unavailable|not found|invalid|disabled|unknown|rejected: (?:user|address) )|does(?:n't| not) exist|invalid (?:recipient|mailbox|user)|not (?:a valid|exist)|不存在/i;
const POLICY =
  /spam|policy|block|black ?list|deny|denied|reject(?:ed)? (?:by|due)|relay|content|virus|reputation|dmarc|spf/i;

/**
 * From a server's reply to an outcome: RFC 5321 4.2 and the enhanced codes of RFC 3463. Only a mailbox that the server says does
 * not exist is gone, and has bounced like one that a report names later; what is refused for any other reason is rejected, so
 * that a policy never ends a subscription.
 */
export function smtpOutcome(failure: SmtpFailure, dotSent: boolean, secrets: readonly string[]): Outcome {
  const { responseCode: status, response = "" } = failure;
  const detail = withoutAddresses(
    response || `${failure.originalCode ?? failure.code ?? ""} ${failure.message}`,
    secrets,
  );
  if (status !== undefined && status >= 400) return replied(failure, status, detail);
  if (failure.code === "EAUTH" || failure.code === "ENOAUTH" || failure.code === "ETLS" || isCertificate(failure))
    return { kind: "retry", detail, pause: { seconds: CONFIGURATION_SECONDS, because: "configuration" } };
  if (dotSent) return { kind: "unknown", detail: detail || "no answer after the last byte" };
  return { kind: "retry", detail };
}

function isCertificate({ originalCode = "", code = "", message }: SmtpFailure): boolean {
  return (
    /CERT|SELF_SIGNED|UNABLE_TO_(?:GET|VERIFY)|ERR_TLS|ERR_SSL|EPROTO/.test(`${originalCode} ${code}`) ||
    /certificate/i.test(message)
  );
}

function replied(failure: SmtpFailure, status: number, detail: string): Outcome {
  const { command = "", response = "" } = failure;
  const configuration = { seconds: CONFIGURATION_SECONDS, because: "configuration" as const };
  if (command.startsWith("AUTH") || failure.code === "EAUTH")
    return status < 500 ? { kind: "retry", status, detail } : { kind: "retry", status, detail, pause: configuration };
  if (status < 500) return later(failure, status, detail);
  const enhanced = /\b5\.(\d{1,3})\.(\d{1,3})\b/.exec(response);
  const [, subject, reason] = enhanced ?? [];
  const about = `${subject}.${reason}`;
  if (FULL.test(response) && (about === "2.2" || !enhanced)) return { kind: "retry", status, detail };
  const beforeRecipient = !/^(RCPT|DATA)/.test(command);
  // Too large or what it says is the mail's own fault; everything else before the recipient is named is ours.
  if (beforeRecipient && status !== 552 && subject !== "3")
    return { kind: "retry", status, detail, pause: configuration };
  if (status === 530 || about === "1.8" || about === "7.8" || (about === "7.0" && status === 530))
    return { kind: "retry", status, detail, pause: configuration };
  if (command.startsWith("RCPT") && isNobody(status, about, enhanced !== null, response))
    return { kind: "gone", because: "bounced", status, detail };
  return { kind: "rejected", status, detail };
}

const NOBODY_CODES = new Set(["1.1", "1.2", "1.3", "1.6", "1.10", "2.1"]);

function isNobody(status: number, about: string, enhanced: boolean, response: string): boolean {
  if (enhanced && about !== "0.0") return NOBODY_CODES.has(about);
  if (status !== 550 && status !== 551 && status !== 553) return false;
  return NOBODY.test(response) && !POLICY.test(response);
}

function later({ command = "", response = "" }: SmtpFailure, status: number, detail: string): Outcome {
  const everybody = status === 421 || status === 454 || !command.startsWith("RCPT");
  if (everybody && QUOTA.test(response) && !response.includes("4.2.2"))
    return { kind: "retry", status, detail, pause: { seconds: 3600, because: "quota" } };
  if (everybody && (status === 421 || TOO_FAST.test(response)))
    return { kind: "retry", status, detail, pause: { seconds: RATE_SECONDS, because: "rate" } };
  return { kind: "retry", status, detail };
}
