import { z } from "zod";
import type { Caller } from "#src/domain/members/member.ts";
import { AppError } from "#src/errors.ts";
import { keys } from "#src/platform/keys.ts";
import type { Case } from "./case.ts";
import type { Reads } from "./store.ts";

type Contact = NonNullable<Case["contact"]>;

/**
 * The reporter's contact as staff see it without asking (domain notes 2.11, after 个人信息保护法 Art. 6 and 25): enough to tell two
 * people apart, not enough to reach one.
 */
export function maskedContact({ name, phone, email, noticeVersion }: Contact): Contact {
  return {
    ...(name === undefined ? {} : { name: `${[...name][0] ?? ""}*` }),
    ...(phone === undefined ? {} : { phone: maskedPhone(phone) }),
    ...(email === undefined ? {} : { email: email.replace(/^(.)[^@]*/u, "$1***") }),
    noticeVersion,
  };
}

/** `138****5678`; of a shorter number only the last two digits, of which many have the same. */
function maskedPhone(phone: string): string {
  const digits = phone.replace(/\D/g, "");
  return digits.length >= 11 ? `${digits.slice(-11, -8)}****${digits.slice(-4)}` : `****${digits.slice(-2)}`;
}

export const ContactReading = z.object({
  kind: z.literal("contact-read"),
  at: z.string(),
  by: z.string(),
  name: z.string(),
  reason: z.string(),
});
export type ContactReading = z.infer<typeof ContactReading>;

/** The whole contact, for a reason that is put on record before it is shown. AppError "not-found" when the reporter left none. */
export async function readContact(
  deps: Reads & { now: () => Date },
  { number, contact }: Case,
  { caller, reason }: { caller: Caller; reason: string },
): Promise<Contact> {
  if (!contact)
    throw new AppError("not-found", "CONTACT_NONE", {
      zh: "反映人没有留下联系方式",
      en: "the reporter left no way to be reached",
    });
  const { id: by, name } = caller;
  const reading: ContactReading = { kind: "contact-read", at: deps.now().toISOString(), by, name, reason };
  for (;;) {
    const last = await deps.table.query({ ...events(number), reverse: true, limit: 1 });
    const sequence = Number(last.items[0]?.["sequence"] ?? 0) + 1;
    const put = { ...keys.caseEvent(number, sequence), sequence, ...reading };
    if ((await deps.table.write([{ put, if: { absent: true } }])).ok) return contact;
  }
}

const SHOWN = 100;

/** Who has read the contact and why, the newest first. */
export async function contactReadings(deps: Reads, number: string): Promise<ContactReading[]> {
  const page = await deps.table.query({ ...events(number), reverse: true, limit: SHOWN });
  return page.items.filter(({ kind }) => kind === "contact-read").map((item) => ContactReading.parse(item));
}

const events = (number: string) => ({ pk: keys.caseEvent(number, 1).pk, prefix: "EVENT#", fresh: true });
