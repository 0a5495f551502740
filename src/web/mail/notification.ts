import { z } from "zod";
import type { MailNotice } from "#src/domain/deliveries/mail-notice.ts";
import { kindOf } from "./report.ts";

/** An Amazon SNS message over HTTPS (SNS developer guide, "HTTP/HTTPS notification JSON format"). */
export const SnsMessage = z.object({
  Type: z.enum(["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]),
  Message: z.string(),
  SubscribeURL: z.string().optional(),
});

const Recipient = z.object({ emailAddress: z.string(), status: z.string().optional(), action: z.string().optional() });

/** What SES tells, as notification (`notificationType`) or as event (`eventType`); what it tells beside is left alone. */
const SesNotice = z.object({
  notificationType: z.string().optional(),
  eventType: z.string().optional(),
  mail: z.object({ messageId: z.string().max(200) }),
  bounce: z
    .object({
      bounceType: z.string(),
      bounceSubType: z.string().optional(),
      bouncedRecipients: z.array(Recipient).max(50),
    })
    .optional(),
  complaint: z
    .object({ complainedRecipients: z.array(Recipient).max(50), complaintFeedbackType: z.string().nullish() })
    .optional(),
});

/** The notices in an SNS notification of SES; empty for what is not one. SES vouches for the addresses it names. */
export function sesNotices(message: string): MailNotice[] {
  const parsed = SesNotice.safeParse(jsonIn(message));
  if (!parsed.success) return [];
  const { mail, bounce, complaint } = parsed.data;
  const type = parsed.data.notificationType ?? parsed.data.eventType ?? "";
  const receipt = mail.messageId;
  if (type === "Delivery") return [{ kind: "delivered", receipt }];
  if (type === "Reject") return [{ kind: "refused", receipt }];
  if (type === "Complaint" && complaint && complaint.complaintFeedbackType !== "not-spam")
    return complaint.complainedRecipients.map(({ emailAddress }) => ({
      kind: "complained",
      address: bare(emailAddress),
      receipt,
    }));
  if (type !== "Bounce" || !bounce) return [];
  return bounce.bouncedRecipients.map(({ emailAddress, status = "", action }) => {
    const code = /^\d\.\d{1,3}\.\d{1,3}$/.test(status) ? { detail: status } : {};
    return { kind: bounced(bounce, status, action), address: bare(emailAddress), receipt, ...code };
  });
}

// Transient is what may go well another time: of these it is another mail, the one that failed is not tried again.
const LAST = ["MailboxFull", "MessageTooLarge", "ContentRejected"];

/** SES calls permanent what it will not try again; which of that ends a mailbox its own subtype or the status says. */
function bounced(
  { bounceType, bounceSubType = "" }: { bounceType: string; bounceSubType?: string | undefined },
  status: string,
  action: string | undefined,
) {
  if (bounceType === "Transient") {
    const isLast = action?.toLowerCase() === "failed" && LAST.includes(bounceSubType);
    return isLast || kindOf("failed", status) === "bounced" ? "refused" : "delayed";
  }
  if (bounceType !== "Permanent") return "refused";
  if (["NoEmail", "Suppressed", "OnAccountSuppressionList"].includes(bounceSubType) || status === "") return "bounced";
  return kindOf("failed", status);
}

function bare(address: string): string {
  return (/<([^<>]+)>$/.exec(address)?.[1] ?? address).trim();
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const SNS_HOST = /^sns\.[a-z]{2}(?:-[a-z]+){1,3}-\d\.amazonaws\.com(?:\.cn)?$/;

/** The address that confirms an SNS subscription, if it really is one of Amazon's. */
export function subscribeUrl(text: string | undefined): string | undefined {
  if (text === undefined || text.length > 2048 || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  const own = url.protocol === "https:" && url.port === "" && url.username === "" && SNS_HOST.test(url.hostname);
  return own && url.searchParams.get("Action") === "ConfirmSubscription" ? url.href : undefined;
}
