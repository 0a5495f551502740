type Source = { source?: string };
type Exact = (text: string, revive: (name: string, value: unknown, from: Source) => unknown) => unknown;

const LONG = /\d{16}/;
const INTEGER = /^-?\d+$/;

/**
 * JSON as the vendors write it: their ids are numbers of up to 64 bits, of which a number of ours holds 53. An integer
 * beyond that is given as text with the digits it came with; everything else is as usual. Throws as JSON.parse does.
 */
export function parseVendorJson(text: string): unknown {
  if (!LONG.test(text)) return JSON.parse(text);
  return (JSON.parse as Exact)(text, (_, value, { source = "" }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && INTEGER.test(source) ? source : value,
  );
}
