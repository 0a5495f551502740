import type { Table } from "#src/platform/table.ts";
import type { Source } from "./audience.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, itemName } from "./digest.ts";
import { digestReader } from "./digest-reader.ts";
import { type Met, metIn } from "./met.ts";
import { type Fanout, matchedOf, type Result } from "./store.ts";

/**
 * Members of an earlier revision who saw it or may have: delivered, unknown, or caught in a chunk whose worker died.
 * Called after every lease of that fan-out ran out, so what it reads stands still. Who got it in a digest that is not
 * settled yet is looked up there.
 */
export function seenSource(table: Table, earlier: Fanout, after: string, to: string): Source {
  const digests = digestReader(table);
  const saw = async ({ result, member, endpoint }: Met): Promise<boolean> => {
    const letter = result?.letters.charAt(member) ?? "w";
    const frequency = DIGEST_FREQUENCIES.find((one) => DIGEST_LETTER[one] === letter);
    const date = frequency && result?.digests?.[frequency];
    if (!frequency || date === undefined) return result !== undefined && maySee(result, letter);
    const got = await digests.of({ frequency, date }, endpoint, itemName(earlier));
    return got !== undefined && maySee(got.result, got.letter);
  };
  return metIn(table, earlier, after, to, async (met) =>
    (await saw(met))
      ? { endpoint: met.endpoint, saw: true, channel: met.ref.channel, matched: matchedOf(met.chunk, met.member) }
      : undefined,
  );
}

function maySee(result: Pick<Result, "until"> | undefined, letter: string): boolean {
  return "dau".includes(letter) || (result?.until !== undefined && "wi".includes(letter));
}
