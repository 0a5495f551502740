import { AppError, type InputError } from "#src/errors.ts";
import type { QueueName } from "#src/platform/queue.ts";
import type { Language } from "#src/text.ts";
import { newSecret, standardSecret } from "./secret.ts";

/** What a channel must be able to do for somebody to subscribe on it. */
export type AddressedChannel = {
  name: string;
  queue: QueueName;
  confirms: "echo" | "code" | "link";
  shown?(address: string): string;
  fixedWishes?: true;
  secret?(text: string | undefined): { secrets: string[] } | { errors: InputError[] };
  address(
    address: string,
    options?: { textOnly?: boolean; lookup?: boolean },
  ): Promise<{ address: string } | { errors: InputError[] }>;
  confirm(target: AskedTarget, challenge: string, requestedBy: string): Promise<Asked>;
  leave?(target: AskedTarget, challenge: string): Promise<Asked>;
  deny?(target: AskedTarget): Promise<void>;
};

type Asked = "confirmed" | "sent" | "refused" | { paused: VendorPause };
/** See `Pause` of the deliveries. */
export type VendorPause = { seconds: number; because: "rate" | "quota" | "configuration" };

type AskedTarget = { endpoint: string; address: string; language: Language; secrets: string[]; matched: string[] };

export type AddressedChannels = Readonly<Record<string, AddressedChannel>>;

/** An endpoint as its channel keeps it. `made`: a signing secret that we made, to be shown once. */
export type CheckedEndpoint = { address: string; secrets: string[]; made?: string };

/**
 * The channel's own form of address and secret; AppError "invalid" with pointers for all that is wrong with them, or when
 * there is no such channel. A channel that checks no secrets itself signs as Standard Webhooks say: it gets one made.
 */
export async function checkedEndpoint(
  channels: AddressedChannels,
  endpoint: { channel: string; address: string; secret?: string | undefined },
  options?: { textOnly?: boolean },
): Promise<CheckedEndpoint> {
  const channel = channelOf(channels, endpoint.channel);
  const checked = await channel.address(endpoint.address, options);
  const signing = signingOf(channel, endpoint.secret);
  const errors = [checked, signing].flatMap((one) => ("errors" in one ? one.errors : []));
  if ("address" in checked && "secrets" in signing) return { ...checked, ...signing };
  throw invalid(errors);
}

/** The channel's own form of the address alone; AppError "invalid" as above. */
export async function checkedAddress(
  channels: AddressedChannels,
  channel: string,
  address: string,
  options?: { textOnly?: boolean },
): Promise<string> {
  const checked = await channelOf(channels, channel).address(address, options);
  if ("errors" in checked) throw invalid(checked.errors);
  return checked.address;
}

/** The channel of this name; AppError "invalid" when there is none. */
export function channelOf(channels: AddressedChannels, name: string): AddressedChannel {
  const found = Object.hasOwn(channels, name) ? channels[name] : undefined;
  if (found) return found;
  const detail = { zh: "没有这个渠道", en: "there is no such channel" };
  throw invalid([{ pointer: "/endpoint/channel", code: "CHANNEL_UNKNOWN", detail }]);
}

function signingOf(
  channel: AddressedChannel,
  secret: string | undefined,
): { secrets: string[]; made?: string } | { errors: InputError[] } {
  if (channel.secret) return channel.secret(secret);
  if (secret !== undefined) return standardSecret(secret);
  const made = newSecret();
  return { secrets: [made], made };
}

/** AppError "invalid" when the channel does not take this secret. */
export function checkedSecrets(channel: AddressedChannel, secret: string | undefined): string[] {
  const signing = signingOf(channel, secret);
  if ("errors" in signing) throw invalid(signing.errors);
  return signing.secrets;
}

/** Where an endpoint is, as anybody may see it: the address of a chat robot is also the key to it. */
export function shownAddress(channels: AddressedChannels, channel: string, address: string): string {
  const found = Object.hasOwn(channels, channel) ? channels[channel] : undefined;
  return found?.shown?.(address) ?? address;
}

export function invalid(errors: InputError[]): AppError {
  return new AppError("invalid", "INVALID", { zh: "输入有误", en: "the input is not acceptable" }, { errors });
}
