/** An error of a puppet for logs and pages: short, and without what could be a key (addresses carry login tokens). */
export function told(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/\b(\w+:\/\/[^\s/?#]+)[^\s]*/g, "$1/…")
    .replace(/[A-Za-z0-9_%+/=@-]{24,}/g, "…")
    .replace(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .toWellFormed()
    .slice(0, 160);
}
