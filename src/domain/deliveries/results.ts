import { join, keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { Result } from "./store.ts";

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
      results.set(window === undefined ? `${item.sk.split("#")[1]}#${key}` : key, Result().parse(item));
    }
    if (page.next === undefined) return results;
    after = page.next;
  }
}
