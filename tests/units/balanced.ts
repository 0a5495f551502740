import { expect } from "vitest";
import { type Ledger, ledger } from "#src/domain/deliveries/ledger.ts";
import type { Table } from "#src/platform/table.ts";

/** The ledger of a revision, undefined while it is not planned. At whatever moment it is read, every balance in it holds. */
export async function balanced(table: Table, id: string, revision = 1): Promise<Ledger | undefined> {
  const sum = await ledger({ table }, id, revision);
  for (const counts of sum ? [sum, ...Object.values(sum.channels)] : []) {
    const { matched, delivered, suppressed, failed, unknown, held, waiting } = counts;
    expect(delivered + suppressed + failed + unknown + held + waiting, "the ledger balances").toBe(matched);
    expect(waiting, "nothing is counted twice").toBeGreaterThanOrEqual(0);
  }
  return sum;
}
