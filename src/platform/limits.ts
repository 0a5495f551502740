import { AppError } from "#src/errors.ts";
import type { Outgoing } from "#src/platform/queue.ts";
import type { Item, Key, Write } from "#src/platform/table.ts";

/** What both platforms refuse in the same words: DynamoDB's and SQS's limits, with a little room for their own overhead. */
export const LIMITS = {
  /** Bytes of an item as JSON in UTF-8 (DynamoDB: 409,600 in its own count). */
  itemBytes: 400_000,
  /** Bytes of all items of one write together. */
  writeBytes: 4_000_000,
  writes: 100,
  partitionKeyBytes: 2_048,
  sortKeyBytes: 1_024,
  messageBytes: 200_000,
  delaySeconds: 900,
};

/** Bytes in UTF-8, exact only where it could matter: a short text is answered without counting. */
function exceeds(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}

export function checkKey({ pk, sk }: Key): void {
  if (pk === "" || sk === "" || exceeds(pk, LIMITS.partitionKeyBytes) || exceeds(sk, LIMITS.sortKeyBytes)) {
    throw new AppError("invalid", "KEY_LENGTH", {
      zh: "键不得为空，分区键不得超过2048字节，排序键不得超过1024字节",
      en: "a key must not be empty, a partition key has at most 2048 bytes, a sort key 1024",
    });
  }
}

/** The item as JSON; throws AppError "too-large" when it is over the limit, "invalid" when a key is. */
export function itemText(item: Item): string {
  checkKey(item);
  if (item.index) checkKey(item.index);
  const text = JSON.stringify(item);
  if (exceeds(text, LIMITS.itemBytes)) {
    throw new AppError("too-large", "ITEM_SIZE", {
      zh: "单条数据不得超过400KB",
      en: "an item must stay under 400 KB",
    });
  }
  return text;
}

export function keyOf(write: Write): Key {
  if ("put" in write) return write.put;
  if ("remove" in write) return write.remove;
  return "check" in write ? write.check : write.add;
}

/** Refuses what is not 1 to 100 writes to keys that each occur once. */
export function checkWrites(writes: Write[]): void {
  if (writes.length < 1 || writes.length > LIMITS.writes) {
    throw new AppError("invalid", "WRITE_COUNT", {
      zh: "一次写入须为1至100项",
      en: "one write takes 1 to 100 items",
    });
  }
  if (writes.length === 1) return;
  const seen = new Set<string>();
  for (const write of writes) {
    const { pk, sk } = keyOf(write);
    seen.add(`${pk.length}:${pk}${sk}`);
  }
  if (seen.size < writes.length) {
    throw new AppError("invalid", "WRITE_TWICE", {
      zh: "一次写入中同一键只能出现一次",
      en: "a key occurs at most once in one write",
    });
  }
}

/** Refuses items that together are over 4 MB; `texts` as `itemText` gave them. */
export function checkTogether(texts: string[]): void {
  let length = 0;
  for (const text of texts) length += text.length;
  if (length * 3 <= LIMITS.writeBytes) return;
  if (texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) > LIMITS.writeBytes) {
    throw new AppError("too-large", "WRITE_SIZE", {
      zh: "一次写入合计不得超过4MB",
      en: "one write must stay under 4 MB in all",
    });
  }
}

const GROUP = /^[\x21-\x7e]{1,128}$/;

/** The message's body as JSON; throws AppError when the body or the delay is over the limit, or the group has no name of one. */
export function messageText({ body, delaySeconds = 0, group }: Outgoing): string {
  const text = JSON.stringify(body);
  if (exceeds(text, LIMITS.messageBytes)) {
    throw new AppError("too-large", "MESSAGE_SIZE", {
      zh: "消息不得超过200KB",
      en: "a message must stay under 200 KB",
    });
  }
  if (!(delaySeconds >= 0 && delaySeconds <= LIMITS.delaySeconds)) {
    throw new AppError("invalid", "MESSAGE_DELAY", {
      zh: "延迟须为0至900秒",
      en: "a delay is 0 to 900 seconds",
    });
  }
  if (group !== undefined && !GROUP.test(group)) {
    throw new AppError("invalid", "MESSAGE_GROUP", {
      zh: "消息组名须为1至128个可见ASCII字符",
      en: "a message group is named by 1 to 128 visible ASCII characters",
    });
  }
  return text;
}

const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/;

/** Object keys are `/`-separated segments of letters, digits, `.`, `_` and `-`; none of them is `.` or `..`. */
export function checkObjectKey(key: string): void {
  if (key.length > 1_024 || !key.split("/").every((segment) => SEGMENT.test(segment))) {
    throw new AppError("invalid", "OBJECT_KEY", {
      zh: "对象键只能由字母、数字、点、下划线、连字符组成的段构成，以/分隔",
      en: "an object key is made of segments of letters, digits, dots, underscores and hyphens, separated by /",
    });
  }
}

export function checkLinkSeconds(seconds: number): void {
  if (!(seconds >= 60 && seconds <= 86_400)) {
    throw new AppError("invalid", "LINK_SECONDS", {
      zh: "链接有效期须为60至86400秒",
      en: "a link lives 60 to 86,400 seconds",
    });
  }
}
