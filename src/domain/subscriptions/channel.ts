import { AppError, type InputError } from "#src/errors.ts";
import type { QueueName } from "#src/platform/queue.ts";
import type { Language } from "#src/text.ts";
import { newSecret, plainSecret } from "./new-subscription.ts";

/** What a channel must be able to do for somebody to subscribe on it. */
export type AddressedChannel = {
  name: string;
  queue: QueueName;
  confirms: "echo" | "code" | "link";
  shown?(address: string): string;
  secret?(text: string | undefined): { secrets: string[] } | { errors: InputError[] };
  address(address: string, options?: { textOnly?: boolean }): Promise<{ address: string } | { errors: InputError[] }>;
  confirm(target: AskedTarget, challenge: string, requestedBy: string): Promise<"confirmed" | "sent" | "refused">;
  leave?(target: AskedTarget, challenge: string): Promise<"confirmed" | "sent" | "refused">;
  deny?(target: AskedTarget): Promise<void>;
};

type AskedTarget = { endpoint: string; address: string; language: Language; secrets: string[]; matched: string[] };

export type AddressedChannels = Readonly<Record<string, AddressedChannel>>;

/** The channel's own form of the address; AppError "invalid" with pointers when there is no such channel or address. */
export async function checkedAddress(
  channels: AddressedChannels,
  channel: string,
  address: string,
  options?: { textOnly?: boolean },
): Promise<string> {
  const found = Object.hasOwn(channels, channel) ? channels[channel] : undefined;
  if (!found) {
    const detail = { zh: "没有这个渠道", en: "there is no such channel" };
    throw invalid([{ pointer: "/endpoint/channel", code: "CHANNEL_UNKNOWN", detail }]);
  }
  const checked = await found.address(address, options);
  if ("errors" in checked) throw invalid(checked.errors);
  return checked.address;
}

/**
 * The endpoint's secrets as the channel keeps them, from the one that was named (pointer `/endpoint/secret`). Where a channel
 * has no form of its own they are Standard Webhooks secrets, made here when none is named; `made` is that one.
 */
export function checkedSecrets(
  channels: AddressedChannels,
  channel: string,
  secret: string | undefined,
): { secrets: string[]; made?: string } {
  const own = Object.hasOwn(channels, channel) ? channels[channel]?.secret : undefined;
  if (own) {
    const checked = own(secret);
    if ("errors" in checked) throw invalid(checked.errors);
    return checked;
  }
  if (secret === undefined) {
    const made = newSecret();
    return { secrets: [made], made };
  }
  const plain = plainSecret(secret);
  if (plain === undefined) throw invalid([SECRET]);
  return { secrets: [plain] };
}

const SECRET: InputError = {
  pointer: "/endpoint/secret",
  code: "SECRET",
  detail: {
    zh: "密钥应为24至64字节的 base64（可带 whsec_ 前缀）",
    en: "a secret is base64 of 24 to 64 bytes, with or without whsec_ before it",
  },
};

function invalid(errors: InputError[]): AppError {
  return new AppError("invalid", "INVALID", { zh: "输入有误", en: "the input is not acceptable" }, { errors });
}
