import type { Table } from "#src/platform/table.ts";
import type { Source } from "./audience.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, itemName } from "./digest.ts";
import { digestReader } from "./digest-reader.ts";
import { type Met, metIn } from "./met.ts";
import { mayHaveArrived } from "./settle.ts";
import { Delivery, deliveryKey, type Fanout, matchedOf, type Result } from "./store.ts";

/**
 * Members of an earlier revision who saw it or may have: delivered, unknown, caught in a chunk whose worker died, or with
 * an attempt that nobody answered. Called after every lease of that fan-out ran out, so what it reads stands still. Who
 * got it in a digest that is not settled yet is looked up there.
 */
export function seenSource(table: Table, earlier: Fanout, after: string, to: string): Source {
  const digests = digestReader(table);
  /** An attempt that nobody answered may have arrived, whatever came after it. */
  const tried = async ({ ref, endpoint }: Pick<Met, "ref" | "endpoint">): Promise<boolean> => {
    const row = await table.get(deliveryKey(ref, endpoint));
    return row !== undefined && mayHaveArrived(Delivery().parse(row));
  };
  const saw = async ({ result, ref, member, endpoint }: Met): Promise<boolean> => {
    const letter = result?.letters.charAt(member) ?? "w";
    const frequency = DIGEST_FREQUENCIES.find((one) => DIGEST_LETTER[one] === letter);
    const date = frequency && result?.digests?.[frequency];
    if (!frequency || date === undefined) {
      if (result === undefined) return false;
      return maySee(result, letter) || ("rhf".includes(letter) && (await tried({ ref, endpoint })));
    }
    const got = await digests.of({ frequency, date }, endpoint, itemName(earlier));
    return got?.result !== undefined && maySee(got.result, got.letter);
  };
  return metIn(table, earlier, after, to, async (met) =>
    (await saw(met))
      ? { endpoint: met.endpoint, saw: true, channel: met.ref.channel, matched: matchedOf(met.chunk, met.member) }
      : undefined,
  );
}

function maySee(result: Pick<Result, "until" | "lost">, letter: string): boolean {
  const lost = result.until !== undefined || result.lost === true;
  return "dau".includes(letter) || (lost && "wirhf".includes(letter));
}
