import type { Word } from "./channel.ts";

const ENDS: Readonly<Record<string, string>> = {
  2: "the originality check failed",
  3: "failed",
  4: "the platform's review refused it",
  5: "deleted by a person",
  6: "banned by the platform",
};

/** WX freepublish, `publish_status` in events and in answers: 0 done, 1 still at it, the others are ends; undefined: none. */
export function publicationWord(status: string): Word | undefined {
  if (status === "0") return { kind: "delivered" };
  if (status === "1") return { kind: "pending" };
  const detail = ENDS[status];
  return detail === undefined ? undefined : { kind: "failed", detail };
}
