const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** JSON as the platforms write it: ids of 64 bits (bigint) stand there as numbers, to the last digit. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? rawJSON(String(one)) : one));
}
