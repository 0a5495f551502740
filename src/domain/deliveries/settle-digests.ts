import type { Table } from "#src/platform/table.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, itemName } from "./digest.ts";
import { type DigestReader, digestReader } from "./digest-reader.ts";
import { digestsOf } from "./digest-store.ts";
import { joinDigest } from "./join-digest.ts";
import { resultsOf } from "./results.ts";
import { type ChunkRef, type Fanout, findChunk, membersOf, type Result, rangesOf, resultItem } from "./store.ts";

export type SettleDeps = { table: Table; now: () => Date };

const OVER = "dafuxent";
const HELD = Object.values(DIGEST_LETTER).join("");
const AT_ONCE = 25;

/**
 * Enters into a revision's ledger what its digests came to: `g` and `k` become the outcome of the digest's push. Whom a
 * digest left out, because its chunk was written down too late, waits for the next one. Any number of times, by anybody:
 * every write holds only for the version it was computed from.
 */
export async function settleHeld(deps: SettleDeps, fanout: Fanout): Promise<boolean> {
  const { table } = deps;
  const names = await digestsOf(table, fanout);
  const reader = digestReader(table);
  const states = await Promise.all(names.map((name) => reader.state(name)));
  if (names.length === 0 || (fanout.supersededBy === undefined && states.every((state) => state === "to come")))
    return false;
  let changed = false;
  for (const range of await rangesOf(table, fanout)) {
    if (range.settled) continue;
    const { announcementId, revision } = fanout;
    const results = await resultsOf(table, announcementId, revision, range.from, { fresh: true });
    const held: { ref: ChunkRef; result: Result }[] = [];
    for (const window of range.windows)
      for (const [channel, chunks] of Object.entries(window.chunks))
        for (let n = 0; n < chunks; n++) {
          const result = results.get(`${window.after}#${channel}#${n}`);
          // Whoever has the chunk is the only one who writes there.
          if (result && result.until === undefined && hasHeld(result)) {
            const ref = { announcementId, revision, range: range.from, window: window.after, channel, n };
            held.push({ ref, result });
          }
        }
    for (let from = 0; from < held.length; from += AT_ONCE)
      for (const done of await Promise.all(
        held.slice(from, from + AT_ONCE).map((one) => settleChunk(deps, reader, fanout, one)),
      ))
        changed ||= done;
  }
  return changed;
}

function hasHeld({ letters }: Result): boolean {
  return [...HELD].some((letter) => letters.includes(letter));
}

async function settleChunk(
  deps: SettleDeps,
  reader: DigestReader,
  fanout: Fanout,
  { ref, result }: { ref: ChunkRef; result: Result },
): Promise<boolean> {
  const chunk = await findChunk(deps.table, ref);
  if (!chunk) return false;
  const letters = [...result.letters];
  let { digests } = result;
  for (const frequency of DIGEST_FREQUENCIES) {
    const date = digests?.[frequency];
    if (date === undefined) continue;
    const name = { frequency, date };
    const state = await reader.state(name);
    let missed = 0;
    let waiting = 0;
    for (const [member, endpoint] of membersOf(chunk).entries()) {
      if (letters[member] !== DIGEST_LETTER[frequency]) continue;
      const got = await reader.of(name, endpoint, itemName(fanout));
      if (got && OVER.includes(got.letter)) letters[member] = got.letter;
      else if (!got && fanout.supersededBy !== undefined && state !== "being planned") letters[member] = "x";
      else if (!got && state === "planned") missed++;
      else waiting++;
    }
    if (missed === 0 || waiting > 0) continue;
    const next = await joinDigest(deps, fanout, frequency, deps.now());
    digests = { ...digests, [frequency]: next.date };
  }
  const settled = letters.join("");
  if (settled === result.letters && digests === result.digests) return false;
  const put = resultItem(ref, {
    ...result,
    letters: settled,
    ...(digests ? { digests } : {}),
    version: result.version + 1,
  });
  return (await deps.table.write([{ put, if: { version: result.version } }])).ok;
}
