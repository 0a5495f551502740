import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { type EndDeps, endEndpoint } from "./end-endpoint.ts";
import { Endpoint, endpointItem, findEndpoint } from "./store.ts";

/** Why an address gets nothing more until its holder confirms again: it bounced, it complained, it left for good. */
export type Suppression = NonNullable<Endpoint["suppressed"]>["because"];

/**
 * Ends an endpoint and remembers it, so that no import brings it back. Kept without an end, by its key alone. What was
 * remembered first stays, but for a complaint, which weighs more.
 */
export async function suppressEndpoint(
  deps: EndDeps,
  { endpoint, channel }: { endpoint: string; channel: string },
  because: Suppression,
): Promise<void> {
  for (;;) {
    const known = await findEndpoint(deps.table, endpoint);
    if (known?.suppressed && (known.suppressed.because === because || because !== "complained")) break;
    const value: Endpoint = {
      channel,
      address: "",
      asked: known?.asked ?? [],
      suppressed: { because, at: deps.now().toISOString() },
      version: (known?.version ?? 0) + 1,
    };
    const put = endpointItem(endpoint, value);
    const written = await deps.table.write([{ put, if: known ? { version: known.version } : { absent: true } }]);
    if (written.ok) break;
  }
  await endEndpoint(deps, endpoint, because);
}

/** The holder has confirmed: whatever was before is over. */
export async function liftSuppression(deps: { table: Table }, endpoint: string): Promise<void> {
  const known = await findEndpoint(deps.table, endpoint);
  if (known?.suppressed) await deps.table.write([{ remove: keys.endpoint(endpoint), if: { version: known.version } }]);
}

/** Those of many endpoints that are suppressed. */
export async function suppressions(table: Table, endpoints: string[]): Promise<Map<string, Suppression>> {
  const found = new Map<string, Suppression>();
  const items = await table.getMany(endpoints.map((endpoint) => keys.endpoint(endpoint)));
  for (const [i, item] of items.entries()) {
    const because = item && Endpoint.parse(item).suppressed?.because;
    if (because) found.set(endpoints[i] ?? "", because);
  }
  return found;
}
