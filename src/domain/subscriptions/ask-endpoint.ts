import type { Table } from "#src/platform/table.ts";

export async function askEndpoint(
  _deps: { table: Table; channel: unknown },
  _message: { subscriptionId: string },
): Promise<void> {}
