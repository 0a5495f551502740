import type { Message } from "wechaty";
import type { Said } from "#src/domain/conversations/said.ts";
import { chatAddress } from "#src/domain/deliveries/messenger.ts";
import type { Log } from "#src/log.ts";
import { told } from "./told.ts";

export type Answer = (said: Said) => Promise<string | undefined>;

/** What a puppet can tell about a room. */
type RoomFacts = { ownerId?: string; adminIdList?: string[] };
type PuppetRooms = { roomPayload(id: string): Promise<RoomFacts> };

const AT_ONCE = 100;
const REMEMBERED = 500;
const OLD_SECONDS = 600;

/** Whether somebody may act for a room; undefined where the puppet does not say who owns it. */
export function mayManage({ ownerId, adminIdList = [] }: RoomFacts, person: string): boolean | undefined {
  if (person === ownerId || adminIdList.includes(person)) return true;
  return ownerId ? false : undefined;
}

/**
 * Takes messages of a chat and hands the answers on. Words of one chat are answered one after another; the same message
 * told twice, and what waited for us for longer than ten minutes (a puppet repeats old ones after a login), is left alone.
 */
export function makeHearing(deps: {
  answer: Answer;
  rooms: () => PuppetRooms;
  reply: (address: string, text: string) => void;
  log: Log;
  kinds: { text: number; official: number };
}): (message: Message) => Promise<void> {
  const { answer, reply, log, kinds } = deps;
  const seen = new Set<string>();
  const lines = new Map<string, Promise<void>>();
  let running = 0;

  function isFresh(message: Message): boolean {
    if (seen.has(message.id) || message.age() > OLD_SECONDS) return false;
    if (seen.size >= REMEMBERED) for (const id of [...seen].slice(0, REMEMBERED / 2)) seen.delete(id);
    seen.add(message.id);
    return true;
  }

  async function respond(message: Message, address: string): Promise<void> {
    const room = message.room();
    const speaker = message.talker().id;
    const text = message.text();
    const facts = room
      ? await deps
          .rooms()
          .roomPayload(room.id)
          .catch(() => ({}))
      : {};
    const mentioned = room !== undefined && text.includes("@") && (await message.mentionSelf().catch(() => false));
    const said: Said = { channel: "wechaty", address, text, mayManage: mayManage(facts, speaker), speaker, mentioned };
    const words = await answer(said);
    if (words !== undefined) reply(address, words);
  }

  return async (message) => {
    const talker = message.talker();
    if (message.type() !== kinds.text || talker.type() === kinds.official || !isFresh(message)) return;
    if (running >= AT_ONCE) return log.warn("bot-hears-too-much");
    const room = message.room();
    const address = chatAddress(room ? { kind: "room", id: room.id } : { kind: "contact", id: talker.id });
    running++;
    const mine = (lines.get(address) ?? Promise.resolve())
      .then(() => respond(message, address))
      .catch((error) => log.warn("bot-message", { error: told(error) }))
      .finally(() => {
        running--;
        if (lines.get(address) === mine) lines.delete(address);
      });
    lines.set(address, mine);
    await mine;
  };
}
