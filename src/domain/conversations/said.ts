import { endpointKey } from "#src/domain/subscriptions/endpoint.ts";
import type { Language } from "#src/text.ts";

/** What somebody wrote to us in a chat. */
export type Said = {
  channel: string;
  /** The chat it was written in, as the channel writes addresses; `room:…` is a room, everything else a chat of two. */
  address: string;
  text: string;
  /** Whether the writer owns or administers the room; undefined where the chat cannot tell. Of no meaning in a chat of two. */
  mayManage: boolean | undefined;
  /** The reader's language where the words leave it open. */
  language?: Language;
  /** The writer's id in the chat. Kept only as a hash that means nothing in another room. */
  speaker?: string;
  /** The chat itself says that we were called by an @mention. */
  mentioned?: boolean;
};

/** Where it was said. What others may read (a room) never gets what is for one person. */
export type Place = { channel: string; address: string; endpoint: string; isRoom: boolean };

export function placeOf({ channel, address }: Pick<Said, "channel" | "address">): Place {
  return { channel, address, endpoint: endpointKey(channel, address), isRoom: address.startsWith("room:") };
}
