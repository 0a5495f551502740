import { join, keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import type { Mention } from "./audience.ts";
import { behind } from "./hash-space.ts";
import { chunksOf, type Fanout, matchedOf, membersOf, type Range, Result, rangesOf } from "./store.ts";

/**
 * Members of an earlier revision who saw it or may have: delivered, unknown, or caught in a chunk whose worker died.
 * Called after every lease of that fan-out ran out, so what it reads stands still.
 */
export async function* seenSource(
  table: Table,
  earlier: Fanout,
  after: string,
  to: string,
): AsyncGenerator<Mention[], undefined> {
  for (const range of await rangesOf(table, earlier)) {
    if (range.to <= after || range.from >= to) continue;
    for (const [i, window] of range.windows.entries()) {
      const last = range.windows[i + 1]?.after ?? range.after;
      if (last <= after || window.after >= to) continue;
      const mentions = await seenIn(table, earlier, range, window);
      yield mentions.filter(({ endpoint }) => endpoint > behind(after) && endpoint < to);
    }
  }
}

async function seenIn(table: Table, fanout: Fanout, range: Range, window: Range["windows"][number]) {
  const { announcementId, revision } = fanout;
  const [chunks, results] = await Promise.all([
    chunksOf(table, announcementId, revision, range.from, window.after),
    resultsOf(table, announcementId, revision, range.from, { window: window.after, fresh: true }),
  ]);
  const mentions: (Mention & { endpoint: string })[] = [];
  for (const { ref, chunk } of chunks) {
    const result = results.get(`${ref.channel}#${ref.n}`);
    if (!result || ref.n >= (window.chunks[ref.channel] ?? 0)) continue;
    for (const [i, endpoint] of membersOf(chunk).entries())
      if (maySee(result, result.letters.charAt(i)))
        mentions.push({ endpoint, saw: true, channel: ref.channel, matched: matchedOf(chunk, i) });
  }
  return mentions.sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
}

function maySee(result: Result, letter: string): boolean {
  return "dau".includes(letter) || (result.until !== undefined && "wi".includes(letter));
}

/** Results of one window by `<channel>#<n>`, or of a whole range by `<window>#<channel>#<n>`. */
export async function resultsOf(
  table: Table,
  id: string,
  revision: number,
  range: string,
  options: { window?: string; fresh: boolean },
): Promise<Map<string, Result>> {
  const { window, fresh } = options;
  const prefix = window === undefined ? "RESULT#" : `${join("RESULT", window)}#`;
  const results = new Map<string, Result>();
  for (let after: string | undefined; ; ) {
    const page = await table.query({
      pk: keys.chunkPartition(id, revision, range),
      prefix,
      fresh,
      ...(after === undefined ? {} : { after }),
    });
    for (const item of page.items) {
      const [channel = "", n = "0"] = item.sk.slice(prefix.length).split("#").slice(-2);
      const key = `${channel}#${Number(n)}`;
      results.set(window === undefined ? `${item.sk.split("#")[1]}#${key}` : key, Result.parse(item));
    }
    if (page.next === undefined) return results;
    after = page.next;
  }
}
