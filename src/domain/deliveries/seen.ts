import type { Table } from "#src/platform/table.ts";
import type { Source } from "./audience.ts";
import type { Channel, ChannelName } from "./channel.ts";
import { DIGEST_FREQUENCIES, DIGEST_LETTER, itemName } from "./digest.ts";
import { digestReader } from "./digest-reader.ts";
import { type Met, metIn } from "./met.ts";
import { mayHaveArrived, mayHaveBegun } from "./settle.ts";
import { Delivery, deliveryKey, type Fanout, matchedOf } from "./store.ts";

type Reads = { table: Table; channels: Record<ChannelName, Channel> };

/**
 * Members of an earlier revision who saw it or may have: delivered, unknown, caught in a chunk whose worker died (where it had
 * to write down first whom it was about to send to: only those), or with an attempt that nobody answered. Called after every
 * lease of that fan-out ran out, so what it reads stands still. Who got it in a digest that is not settled yet is looked up there.
 */
export function seenSource({ table, channels }: Reads, earlier: Fanout, after: string, to: string): Source {
  const digests = digestReader(table);
  /** An attempt that nobody answered may have arrived, whatever came after it; so may one that a worker was to make when it died. */
  const tried = async ({ ref, endpoint }: Pick<Met, "ref" | "endpoint">, until = 0): Promise<boolean> => {
    const item = await table.get(deliveryKey(ref, endpoint));
    const row = item && Delivery().parse(item);
    return row !== undefined && (mayHaveArrived(row) || mayHaveBegun(row, until));
  };
  const maySee = async ({ result, ref, endpoint }: Met, letter: string): Promise<boolean> => {
    if (!result) return false;
    if ("dau".includes(letter)) return true;
    const once = channels[ref.channel as ChannelName].guarantee === "at-most-once";
    const died = result.until !== undefined || result.lost === true;
    if (died && letter === (once ? "i" : "w")) return true;
    if (!"rhf".includes(letter)) return false;
    // One that died before the newest: if nobody has looked after its members since, it may have tried any of them.
    if (result.lost && !once) return true;
    return tried({ ref, endpoint }, once || letter === "f" ? 0 : result.until);
  };
  const saw = async (met: Met): Promise<boolean> => {
    const { result, member, endpoint } = met;
    const letter = result?.letters.charAt(member) ?? "w";
    const frequency = DIGEST_FREQUENCIES.find((one) => DIGEST_LETTER[one] === letter);
    const date = frequency && result?.digests?.[frequency];
    if (!frequency || date === undefined) return maySee(met, letter);
    const got = await digests.of({ frequency, date }, endpoint, itemName(earlier));
    return got !== undefined && maySee({ ...got, endpoint }, got.letter);
  };
  return metIn(table, earlier, after, to, async (met) =>
    (await saw(met))
      ? { endpoint: met.endpoint, saw: true, channel: met.ref.channel, matched: matchedOf(met.chunk, met.member) }
      : undefined,
  );
}
