import { getUnit } from "#src/domain/units/read.ts";
import { AppError, type InputError } from "#src/errors.ts";
import type { Bucket, SignedUpload } from "#src/platform/bucket.ts";
import type { Commit } from "#src/platform/table.ts";
import type { DeclaredAttachment } from "./attachment.ts";
import { uploadKey } from "./attachments.ts";
import { type Case, caseId, kept, type NewCase } from "./case.ts";
import { dueOf } from "./due.ts";
import { newReceipt, type Receipt, secretHash } from "./receipt.ts";
import { caseItem, type Reads } from "./store.ts";

export type Upload = SignedUpload & { name: string };

export type Submitted = { id: string; receipt: Receipt; uploads: Upload[]; dueAt: string };

type Deps = Reads & { bucket: Bucket; now: () => Date; commit?: Commit<Submitted> };

const CLOCK_SLACK_MS = 5 * 60_000;
const UPLOAD_SECONDS = 3600;

/** Takes a case in: one conditional write of one item, then the receipt. Everything else follows from the change feed. */
export async function submit(deps: Deps, input: NewCase): Promise<Submitted> {
  const now = deps.now();
  const { urls, occurredAt } = input;
  const happened = occurredAt === undefined ? undefined : new Date(occurredAt);
  if (happened && happened.getTime() > now.getTime() + CLOCK_SLACK_MS) throw inTheFuture();
  if (input.unitId !== undefined && !(await getUnit(deps, input.unitId))) throw unknownUnit();
  const { day, dueAt, provisional } = dueOf(now);
  const commit = deps.commit ?? ((writes) => deps.table.write(writes));
  for (let tries = 0; tries < 5; tries++) {
    const receipt = newReceipt(day, now);
    const stored: Case = {
      ...input,
      number: receipt.number,
      state: "received",
      version: 1,
      secretHash: secretHash(receipt.secret),
      receivedAt: now.toISOString(),
      dueAt,
    };
    if (urls && urls.length > 0) stored.urls = kept(urls);
    else if (urls) delete stored.urls;
    if (happened) stored.occurredAt = happened.toISOString();
    if (provisional) stored.provisional = provisional;
    const uploads = input.attachments?.length ? await signUploads(deps, receipt.number, input.attachments) : [];
    const result: Submitted = { id: caseId(receipt.number), receipt, uploads, dueAt };
    if ((await commit([{ put: caseItem(stored), if: { absent: true } }], result)).ok) return result;
  }
  throw numberTaken();
}

function signUploads(deps: Deps, number: string, attachments: DeclaredAttachment[]): Promise<Upload[]> {
  return Promise.all(
    attachments.map(async ({ name, type, size, sha256 }, n) => ({
      name,
      ...(await deps.bucket.signUpload({
        key: uploadKey(number, n),
        contentType: type,
        size,
        ...(sha256 === undefined ? {} : { sha256 }),
        seconds: UPLOAD_SECONDS,
      })),
    })),
  );
}

function inTheFuture(): AppError {
  return refused("/occurredAt", "TIME_FUTURE", "发生时间不能晚于现在", "this cannot have happened yet");
}

function unknownUnit(): AppError {
  return refused("/unitId", "UNIT_UNKNOWN", "没有这个单位", "there is no such unit");
}

function refused(pointer: string, code: string, zh: string, en: string): AppError {
  const errors: InputError[] = [{ pointer, code, detail: { zh, en } }];
  return new AppError("invalid", "INPUT", { zh: "内容有误", en: "the input is not acceptable" }, { errors });
}

function numberTaken(): AppError {
  const text = { zh: "请再次提交", en: "please send it again" };
  return new AppError("unavailable", "NUMBER_TAKEN", text, { retryAfterSeconds: 1 });
}
