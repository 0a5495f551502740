import { AppError, type InputError } from "#src/errors.ts";
import type { QueueName } from "#src/platform/queue.ts";
import type { Language } from "#src/text.ts";

/** What a channel must be able to do for somebody to subscribe on it. */
export type AddressedChannel = {
  name: string;
  queue: QueueName;
  confirms: "echo" | "code" | "link";
  shown?(address: string): string;
  secret?(text: string | undefined): { secrets: string[] } | { errors: InputError[] };
  address(address: string, options?: { textOnly?: boolean }): Promise<{ address: string } | { errors: InputError[] }>;
  confirm(
    target: { endpoint: string; address: string; language: Language; secrets: string[]; matched: string[] },
    challenge: string,
    requestedBy: string,
  ): Promise<"confirmed" | "sent" | "refused">;
};

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

function invalid(errors: InputError[]): AppError {
  return new AppError("invalid", "INVALID", { zh: "输入有误", en: "the input is not acceptable" }, { errors });
}
