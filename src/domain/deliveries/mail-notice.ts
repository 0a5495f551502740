import { endEndpoint } from "#src/domain/subscriptions/end-endpoint.ts";
import { endpointKey, spelledKey } from "#src/domain/subscriptions/endpoint.ts";
import { subscriptionsOf } from "#src/domain/subscriptions/store.ts";
import type { Log } from "#src/log.ts";
import type { Table } from "#src/platform/table.ts";
import type { Receipt } from "./receipts.ts";

/** Takes a provider's later word on a message that it had taken. */
export type ReceiptNote = (receipt: Receipt) => Promise<void>;

/**
 * What came back about a mail. bounced: the mailbox does not exist. complained: its holder called it spam. refused: it was not
 * taken, which says nothing of the mailbox (full, too large, policy). delayed: somebody still tries.
 */
export type MailNotice = {
  kind: "bounced" | "complained" | "refused" | "delayed" | "delivered";
  /** One of both: the endpoint, proven by the id of the mail, or the address, on a provider's own word. */
  endpoint?: string;
  address?: string;
  /** The provider's id of the mail, or its Message-ID without brackets. */
  receipt?: string;
  /** A status as 5.1.1; never an address. */
  detail?: string;
};

const OUTCOMES: Partial<Record<MailNotice["kind"], "delivered" | "failed">> = {
  bounced: "failed",
  refused: "failed",
  delivered: "delivered",
};

/** Ends the mailbox that bounced or complained, also where it stands under its spelling, and hands the receipt on. Twice the same changes nothing more. */
export async function takeMailNotice(
  deps: { table: Table; now: () => Date; log: Log; receipt?: ReceiptNote },
  notice: MailNotice,
): Promise<void> {
  const { kind, address, receipt, detail } = notice;
  const endpoint = notice.endpoint ?? (address === undefined ? undefined : endpointKey("email", address));
  if (endpoint !== undefined && (kind === "bounced" || kind === "complained"))
    for (const one of await spellings(deps.table, endpoint, address)) await endEndpoint(deps, one, kind);
  if (kind !== "delivered") deps.log.info("mail-notice", { kind, endpoint, detail });
  const outcome = OUTCOMES[kind];
  if (outcome && receipt !== undefined)
    await deps.receipt?.({ channel: "email", receipt, outcome, ...(detail === undefined ? {} : { detail }) });
}

/** The endpoint, and the other keys that its mailbox may have: `mailboxKey`, which every spelling is checked by, and this spelling's own. */
async function spellings(table: Table, endpoint: string, address: string | undefined): Promise<Set<string>> {
  const known = await subscriptionsOf(table, endpoint);
  const addresses = [...known.map((one) => one.address), ...(address === undefined ? [] : [address])];
  return new Set([endpoint, ...[endpointKey, spelledKey].flatMap((key) => addresses.map((one) => key("email", one)))]);
}
