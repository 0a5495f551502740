import { type ChatMessage, type Messenger, parseChatAddress, TOO_OFTEN } from "#src/domain/deliveries/messenger.ts";
import { told } from "./told.ts";

/** The two sending calls of a wechaty puppet. They answer an id, or nothing when the protocol has none. */
export type PuppetSend = {
  messageSendText(to: string, text: string): Promise<unknown>;
  messageSendUrl(to: string, link: { title: string; description: string; url: string }): Promise<unknown>;
};

/** Who wants to know how sending goes. */
export type Watch = {
  /** Why nothing may be sent now. */
  notNow(): string | undefined;
  sent(id: string | undefined): void;
  failed(reason: string): void;
  /** It has been taking too long; it may still end. */
  hangs(): void;
};

type Awaited = { to: string; shows: string; seen: (id: string | undefined) => void };

const UNSUPPORTED = /unsupported|not (supported|implemented)|未实现|不支持/i;

/**
 * Sends through the puppet itself: `room.say` looks the message up after it was sent, and would report a message that
 * left as one that did not. What got no id counts as sent once the bot sees its own message (`own`).
 */
export function makeMessenger(
  puppet: PuppetSend,
  timing: { ownMessageMs: number; patienceMs: number },
  watch: Watch,
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

  /** `lost`: why the puppet gave up on its own question; then nothing has shown that the message arrived. */
  async function handOver(to: string, message: ChatMessage): Promise<{ id?: string; lost?: string }> {
    const own = awaitOwn(to, message.kind === "link" ? message.url : message.text);
    const hanging = setTimeout(watch.hangs, timing.patienceMs);
    let lost: string | undefined;
    try {
      const answer = await deliver(to, message).catch((error: unknown) => {
        if (!mayHaveLeft(error)) throw error;
        lost = told(error);
      });
      const id = typeof answer === "string" && answer !== "" ? answer : await own.within(timing.ownMessageMs);
      if (id !== undefined) return { id };
      return lost === undefined ? {} : { lost };
    } finally {
      clearTimeout(hanging);
      own.end();
    }
  }

  return {
    canLink: () => links,
    async send(address, message) {
      const place = parseChatAddress(address);
      if (place === undefined) throw new Error("no chat address");
      const refusal = watch.notNow();
      if (refusal !== undefined) throw new Error(refusal);
      try {
        const { id, lost } = await handOver(place.id, message);
        if (lost === undefined) watch.sent(id);
        else watch.failed(lost);
        return id === undefined ? {} : { id };
      } catch (error) {
        const reason = told(error);
        watch.failed(reason);
        throw new Error(reason);
      }
    },
    own(to, id, shows) {
      for (const entry of waiting) if (entry.to === to && shows.includes(entry.shows)) return entry.seen(id);
    },
  };
}

const LOST = /time.?d?.?out|deadline|econnreset|econnaborted|etimedout|epipe|hang up|unavailable|connection|超时/i;
const NEVER_LEFT = /\bconnect E[A-Z]+|ECONNREFUSED|ENOTFOUND|EAI_AGAIN|no connection established|failed to connect/i;

/** A puppet whose answer got lost may have sent all the same, and to send again would say it twice. */
function mayHaveLeft(error: unknown): boolean {
  const reason = String(error);
  return LOST.test(reason) && !NEVER_LEFT.test(reason) && !TOO_OFTEN.test(reason);
}

function asText(link: { title: string; description: string; url: string }): string {
  return `${link.title}\n${link.description}\n${link.url}`;
}
