import { sha256 } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Place, Said } from "./said.ts";

type Deps = { table: Table; now: () => Date };

/** `unknown`: the chat names no owner, and nobody has answered a code in this room yet. */
export type Managing = "yes" | "no" | "unknown";

const KEPT_SECONDS = 365 * 86_400;

/** Bound to the room, so that the same person in two rooms cannot be recognised. */
function personIn(place: Place, speaker: string): string {
  return sha256(JSON.stringify([place.channel, place.address, speaker])).slice(0, 32);
}

/** Who answered the code that was sent into a room may manage it from then on, where the chat itself names no owner. */
export async function rememberManager(deps: Deps, place: Place, { speaker }: Pick<Said, "speaker">): Promise<void> {
  if (!place.isRoom || speaker === undefined) return;
  const expiresAt = Math.floor(deps.now().getTime() / 1000) + KEPT_SECONDS;
  await deps.table.putAll([{ ...keys.chatManager(place.endpoint, personIn(place, speaker)), expiresAt }]);
}

export async function manages(deps: Deps, place: Place, said: Said): Promise<Managing> {
  if (!place.isRoom) return "yes";
  if (said.mayManage !== undefined) return said.mayManage ? "yes" : "no";
  const { pk } = keys.chatManager(place.endpoint, "");
  const { items } = await deps.table.query({ pk, prefix: "MANAGER#", fresh: true, limit: 100 });
  if (items.length === 0) return "unknown";
  const mine = said.speaker && keys.chatManager(place.endpoint, personIn(place, said.speaker)).sk;
  if (!mine || !items.some(({ sk }) => sk === mine)) return "no";
  await rememberManager(deps, place, said);
  return "yes";
}
