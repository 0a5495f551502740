import { type ChatMessage, type Messenger, parseChatAddress } from "#src/domain/deliveries/messenger.ts";

/** The two sending calls of a wechaty puppet. They answer an id, or nothing when the protocol has none. */
export type PuppetSend = {
  messageSendText(to: string, text: string): Promise<unknown>;
  messageSendUrl(to: string, link: { title: string; description: string; url: string }): Promise<unknown>;
};

type Awaited = { to: string; shows: string; seen: (id: string | undefined) => void };

const UNSUPPORTED = /unsupported|not (supported|implemented)|未实现|不支持/i;

/**
 * Sends through the puppet itself: `room.say` looks the message up after it was sent, and would report a message that
 * left as one that did not. What got no id counts as sent once the bot sees its own message (`own`).
 */
export function makeMessenger(
  puppet: PuppetSend,
  ownMessageMs: number,
): Messenger & { own(to: string, id: string, shows: string): void } {
  const waiting = new Set<Awaited>();
  let links = true;

  function awaitOwn(to: string, shows: string) {
    let seen: (id: string | undefined) => void = () => {};
    const id = new Promise<string | undefined>((resolve) => {
      seen = resolve;
    });
    const entry = { to, shows, seen };
    waiting.add(entry);
    return {
      within: async (milliseconds: number) => {
        const timer = setTimeout(seen, milliseconds, undefined);
        const found = await id;
        clearTimeout(timer);
        return found;
      },
      end: () => waiting.delete(entry),
    };
  }

  async function deliver(to: string, message: ChatMessage): Promise<unknown> {
    if (message.kind === "text") return puppet.messageSendText(to, message.text);
    if (!links) return puppet.messageSendText(to, asText(message));
    try {
      const { title, description, url } = message;
      return await puppet.messageSendUrl(to, { title, description, url });
    } catch (error) {
      if (!UNSUPPORTED.test(String(error))) throw error;
      links = false;
      return puppet.messageSendText(to, asText(message));
    }
  }

  return {
    canLink: () => links,
    async send(address, message) {
      const place = parseChatAddress(address);
      if (place === undefined) throw new Error("no chat address");
      const own = awaitOwn(place.id, message.kind === "link" ? message.url : message.text);
      try {
        const answer = await deliver(place.id, message);
        const id = typeof answer === "string" && answer !== "" ? answer : await own.within(ownMessageMs);
        return id === undefined ? {} : { id };
      } finally {
        own.end();
      }
    },
    own(to, id, shows) {
      for (const entry of waiting) if (entry.to === to && shows.includes(entry.shows)) return entry.seen(id);
    },
  };
}

function asText(link: { title: string; description: string; url: string }): string {
  return `${link.title}\n${link.description}\n${link.url}`;
}
