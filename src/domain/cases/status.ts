import { AppError } from "#src/errors.ts";
import type { Bucket } from "#src/platform/bucket.ts";
import { keys } from "#src/platform/keys.ts";
import { type AttachmentState, attachmentStates } from "./attachments.ts";
import type { CaseType } from "./case.ts";
import { type Receipt, readReceipt, secretFits } from "./receipt.ts";
import { parseCase, type Reads } from "./store.ts";

/** What the holder of a receipt sees. */
export type CaseStatus = {
  number: string;
  type: CaseType;
  title: string;
  state: "received";
  receivedAt: string;
  dueAt: string;
  provisional: boolean;
  history: { state: "received"; at: string }[];
  attachments: { name: string; state: AttachmentState }[];
};

/** 404 for a wrong pair, after the same read and comparison whatever of it is wrong. */
export async function caseStatus(deps: Reads & { bucket: Bucket }, given: Receipt): Promise<CaseStatus> {
  const { number, secret } = readReceipt(given);
  const item = await deps.table.get(keys.case(number));
  if (!secretFits(secret, item && String(item["secretHash"])) || !item)
    throw new AppError("not-found", "RECEIPT_UNKNOWN", {
      zh: "回执编号或查询密钥不正确",
      en: "no case has this number and secret",
    });
  const stored = parseCase(item);
  return {
    number,
    type: stored.type,
    title: stored.title,
    state: stored.state,
    receivedAt: stored.receivedAt,
    dueAt: stored.dueAt,
    provisional: stored.provisional ?? false,
    history: [{ state: "received", at: stored.receivedAt }],
    attachments: await attachmentStates(deps, stored),
  };
}
