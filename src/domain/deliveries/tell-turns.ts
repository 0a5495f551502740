import { combinedReach } from "#src/domain/subscriptions/reach.ts";
import type { Table } from "#src/platform/table.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { readSetup } from "./channel-settings.ts";
import type { TurnsMessage } from "./message.ts";
import { moveUp } from "./move-up.ts";
import { makePace, type Pace, type PaceDeps } from "./pace.ts";
import { type QueueRowsDeps, queueRows } from "./queue-rows.ts";
import { Delivery, deliveryItem, SWEEP_GRACE_MS, TURN_GRACE_MS } from "./store.ts";
import { byPace, inOrder, nextDue, type Waiting, waitsForTurn } from "./waiting-turns.ts";
import { LONGEST_DELAY_SECONDS } from "./work.ts";

type Deps = QueueRowsDeps & PaceDeps;

const LOOKED_AT_ONCE = 100;
const LOOKS_A_RUN = 10;
// As many rows as a call can read; of a longer line only the urgent ones move up.
const MOST = 100_000;
// Who was promised a turn by then has stored that, and the index shows it: an open chunk and one push more.
const AGAIN_SECONDS = 75;

/**
 * Other windows or quotas hold for a channel: tells those who wait for a turn their new ones, in the order of the old. Some at a
 * time, and the rest by a message of its own. Nobody is pushed to sooner for it than its credential's pace, a vendor's pause or
 * its own hour allow. May run twice: whose turn was given by the settings as they are keeps it. `repeated`: it was begun before, and
 * whom it told then what is not known; so all of them are told anew.
 */
export async function tellTurns(deps: Deps, message: TurnsMessage, repeated: boolean): Promise<void> {
  const channel = deps.channels[message.channel as ChannelName];
  const pace = makePace(deps, channel);
  const setup = await readSetup(deps.table, channel.name);
  if (!pace) return;
  const counting = { setup: setup?.version ?? 0, most: MOST, anyway: repeated };
  if (message.freed)
    return moveUp(deps, channel, pace, { ...counting, addresses: await addressesOf(deps.table, message.freed) });
  // What changed again has a word of its own on the way.
  if ((setup?.paced ?? 0) > message.setup) return;
  if (repeated) return moveUp(deps, channel, pace, { ...counting, addresses: [] });
  let { from } = message;
  for (let looks = 0; looks < LOOKS_A_RUN; looks++) {
    const { items, next } = await nextDue(deps.table, from, LOOKED_AT_ONCE);
    const now = deps.now().getTime();
    const rows = items.map((item) => Delivery().parse(item)).filter((row) => isMeant(row, message, now));
    const waiting = (await inOrder(deps.table, rows)).filter(({ over }) => !over);
    await tellThese(deps, channel, pace, waiting, message.setup);
    if (next === undefined) {
      if (message.before) return;
      return message.again ? moveUp(deps, channel, pace, { ...counting, addresses: [] }) : sendAgain(deps, message);
    }
    from = next;
  }
  await deps.queue("fanout").send([{ body: { ...message, from } }]);
}

/** Whose turn was given by older settings, or where only the count of those who wait has changed, before that. */
function isMeant(row: Delivery, { channel, setup, before }: TurnsMessage, now: number): boolean {
  const older = before === undefined ? (row.setup ?? 0) < setup : Date.parse(row.promisedAt ?? "") < before;
  return older && waitsForTurn(row, channel, now);
}

async function addressesOf(table: Table, endpoints: string[]): Promise<string[]> {
  const reached = await Promise.all(endpoints.map((endpoint) => combinedReach(table, endpoint)));
  return reached.flatMap((one) => (one ? [one.reach.address] : []));
}

async function sendAgain(deps: Deps, { channel, setup }: TurnsMessage): Promise<void> {
  const body: TurnsMessage = { kind: "turns", channel, setup, again: true };
  await deps.queue("fanout").send([{ body, delaySeconds: AGAIN_SECONDS }]);
}

async function tellThese(deps: Deps, channel: Channel, pace: Pace, waiting: Waiting[], setup: number): Promise<void> {
  const told: Delivery[] = [];
  const promisedAt = deps.now().toISOString();
  for (const { its, group } of byPace(channel, pace, waiting).values()) {
    const waiters = group.map(({ row, urgent }) => ({
      ...{ urgent, mends: row.mends === true, setup: row.setup ?? 0 },
      ...(row.promisedAt === undefined ? {} : { promisedAt: Date.parse(row.promisedAt) }),
    }));
    const { turns, setup: by } = await its.tell(group[0]?.address ?? "", waiters, setup);
    for (const [i, { row }] of group.entries()) {
      const turn = turns[i];
      if (turn !== undefined) told.push({ ...row, dueAt: new Date(turn).toISOString(), setup: by, promisedAt });
    }
  }
  await store(deps, told);
}

/** Who is due soon gets a message, and the sweep looks after it; it finds the others. */
async function store(deps: Deps, told: Delivery[]): Promise<void> {
  const now = deps.now().getTime();
  const turnOf = ({ dueAt = "" }: Delivery) => Date.parse(dueAt);
  const { soon = [], later = [] } = Object.groupBy(told, (row) =>
    turnOf(row) - now <= LONGEST_DELAY_SECONDS * 1000 ? "soon" : "later",
  );
  await queueRows(deps, soon, TURN_GRACE_MS);
  await Promise.all(
    later.map((row) => {
      const put = deliveryItem(row, new Date(turnOf(row) - SWEEP_GRACE_MS));
      return deps.table.write([{ put, if: { version: row.version } }]);
    }),
  );
}
