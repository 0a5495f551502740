import { sha256 } from "#src/ids.ts";
import type { Answer } from "#src/web/idempotency.ts";

/** An ETag that changes if and only if the bytes of the body do. */
export function bytesTag(answer: Answer): Answer {
  const etag = `"${sha256(JSON.stringify(answer.body)).slice(0, 32)}"`;
  return { ...answer, headers: { ...answer.headers, etag } };
}
