/** 无: somebody states that there is nothing to report. */
export const NONE_DECLARED = "none_declared";

/**
 * A statement in one of three states: a value, the signed statement that there is none, or nothing said yet (`null`).
 * Only the first two can be filed: a blank is not a 无.
 */
export type Declared<T> = T | typeof NONE_DECLARED | null;

export function stateOf(declared: unknown): "value" | "none_declared" | "missing" {
  if (declared === null || declared === undefined) return "missing";
  return declared === NONE_DECLARED ? "none_declared" : "value";
}

/** Whether a text is a way of writing 无. */
export function saysNone(text: string): boolean {
  return /^(无|無|没有|none_declared)[。.]?$/.test(text.normalize("NFKC").trim());
}
