/** What a chat host can do for the channel of its chat: the bot implements it, the channel sends through it. */
export type Messenger = {
  /**
   * `to` is a chat address. Resolves once the message left: with an id when the chat acknowledged it, without one when
   * it may or may not have arrived. Rejects when it was not sent.
   */
  send(to: string, message: ChatMessage): Promise<{ id?: string }>;
  /** Whether link cards can be sent; text otherwise. */
  canLink(): boolean;
};

export type ChatMessage =
  | { kind: "link"; title: string; description: string; url: string }
  | { kind: "text"; text: string };

/** What a chat says to an account that sends too fast: from then on the account has to be silent for a while. */
export const TOO_OFTEN = /频繁|too (often|many|frequent)|rate.?limit|frequency/i;
export const COOL_DOWN_SECONDS = 1800;

/** A place in a chat: a room, or one contact. */
export type ChatPlace = { kind: "room" | "contact"; id: string };

const MAX_ID = 128;

/** `room:<id>` or `contact:<id>`; ids are the chat's own and case-sensitive. Undefined when it is neither. */
export function parseChatAddress(address: string): ChatPlace | undefined {
  const match = /^(room|contact)[:：](.+)$/u.exec(address.trim());
  const id = match?.[2]?.trim() ?? "";
  if (id === "" || id.length > MAX_ID || /[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(id)) return undefined;
  return { kind: match?.[1] === "room" ? "room" : "contact", id };
}

export function chatAddress(place: ChatPlace): string {
  return `${place.kind}:${place.id}`;
}
