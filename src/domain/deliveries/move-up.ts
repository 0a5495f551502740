import type { Channel } from "./channel.ts";
import type { SettingsReader } from "./channel-settings.ts";
import type { TurnsMessage } from "./message.ts";
import { holdsBack, type Pace } from "./pace.ts";
import type { Counts } from "./pace-anew.ts";
import { type Line, ofEach } from "./pace-book.ts";
import { accountHash, credentialHash } from "./paced-by.ts";
import type { QueueRowsDeps } from "./queue-rows.ts";
import { Delivery } from "./store.ts";
import { byPace, inOrder, lineOf, nextDue, waitsForTurn } from "./waiting-turns.ts";

type Counted = { its: Pace; address: string; waiting: Record<Line, number> };

const LOOKED_AT_ONCE = 500;

/**
 * Has those who wait move up where turns of their credential were promised to nobody any more: to a process that died before it had
 * written that down, or to a text that was withdrawn. Looks at `most` rows that are due next at most; of a longer line only those
 * who go first are counted, the urgent ones among them. `addresses`: of credentials for which perhaps nobody waits now. `anyway`:
 * however many turns are promised. Who waits is told by a message of its own. May run twice, and beside workers: whoever is
 * promised a turn meanwhile loses nothing but perhaps a few places.
 */
export async function moveUp(
  deps: QueueRowsDeps,
  channel: Channel,
  pace: Pace,
  { addresses, setup, most, anyway }: { addresses: string[]; setup: number; most: number; anyway: boolean },
): Promise<void> {
  const began = deps.now().getTime();
  const counted = nobodyAt(channel, pace, addresses);
  let seen = 0;
  let from: string | undefined;
  do {
    const page = await nextDue(deps.table, from, LOOKED_AT_ONCE);
    const rows = page.items.map((item) => Delivery().parse(item));
    const waiting = await inOrder(
      deps.table,
      rows.filter((row) => waitsForTurn(row, channel.name, began)),
    );
    for (const [hash, { its, group }] of byPace(channel, pace, waiting)) {
      const known = counted.get(hash) ?? { its, address: group[0]?.address ?? "", waiting: none() };
      for (const one of group) if (!one.over) known.waiting[lineOf(one)]++;
      counted.set(hash, known);
    }
    seen += rows.length;
    from = page.next;
  } while (from !== undefined && seen < most);
  const moved: boolean[] = [];
  for (const { its, address, waiting } of counted.values())
    moved.push(await its.moveUp(address, from === undefined ? waiting : firstOf(waiting), anyway));
  if (!moved.includes(true)) return;
  const body: TurnsMessage = { kind: "turns", channel: channel.name, setup, before: began };
  await deps.queue("fanout").send([{ body }]);
}

const AFTER_DEATH_MOST = 20_000;
// What was promised since a worker looked is stored by then: an open chunk and one push more.
const STORED_MS = 75_000;

/**
 * For chunks that a worker which died had open: whom it promised a turn is not known, so those turns are free before the chunk's
 * members ask anew. Once for each credential, however many chunks there were.
 */
export function afterDeath(
  deps: QueueRowsDeps & { settings: SettingsReader },
  channel: Channel,
  pace: Pace,
): (addresses: string[]) => Promise<void> {
  const known = new Map<string, { at: number; done: Promise<void> }>();
  return async (addresses) => {
    const now = deps.now().getTime();
    for (const [hash, { at }] of known) if (Math.abs(now - at) > STORED_MS) known.delete(hash);
    const hashes = new Map(addresses.map((address) => [credentialHash(channel, address), address]));
    const fresh = [...hashes].filter(([hash]) => !known.has(hash));
    if (fresh.length > 0) {
      const move = async () => {
        const held = await Promise.all(fresh.map(([, address]) => holdsBack(deps.settings, channel, address)));
        const paced = fresh.filter((_, i) => held[i]).map(([, address]) => address);
        if (paced.length === 0) return;
        const setup = (await deps.settings(channel.name))?.version ?? 0;
        await moveUp(deps, channel, pace, { addresses: paced, setup, most: AFTER_DEATH_MOST, anyway: false });
      };
      const done = move();
      done.catch(() => {
        for (const [hash] of fresh) known.delete(hash);
      });
      for (const [hash] of fresh) known.set(hash, { at: now, done });
    }
    await Promise.all([...hashes.keys()].map((hash) => known.get(hash)?.done));
  };
}

function none(): Record<Line, number> {
  return ofEach(() => 0);
}

/** There are more than were looked at; nearly all of those are routine ones. */
function firstOf({ urgent, mending }: Record<Line, number>): Counts {
  return { urgent, mending };
}

function nobodyAt(channel: Channel, pace: Pace, addresses: string[]): Map<string, Counted> {
  const counted = new Map<string, Counted>();
  for (const address of addresses) {
    counted.set(credentialHash(channel, address), { its: pace, address, waiting: none() });
    if (pace.account) counted.set(accountHash(channel, address), { its: pace.account, address, waiting: none() });
  }
  return counted;
}
