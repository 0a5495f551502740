import { z } from "zod";
import { fault } from "#src/errors.ts";
import type { WebDeps } from "#src/web/app.ts";
import { sealCursor } from "#src/web/cursor.ts";
import type { Answer } from "#src/web/idempotency.ts";
import { bytesTag } from "./bytes-tag.ts";
import type { Call } from "./route.ts";

/** To be spread into the query of a list: `query: z.strictObject({ ...PAGE, column: … })`. */
export const PAGE = {
  limit: z
    .string()
    .regex(/^\d{1,6}$/, fault("LIMIT", "limit 须为1至100的整数", "limit is a whole number from 1 to 100"))
    .transform(Number)
    .pipe(
      z
        .int()
        .min(1, fault("LIMIT", "limit 须为1至100的整数", "limit is a whole number from 1 to 100"))
        .max(100, fault("LIMIT", "limit 须为1至100的整数", "limit is a whole number from 1 to 100")),
    )
    .default(20),
  cursor: z.string().max(2000).optional(),
};

export function pageSchema<Entry extends z.ZodType>(entry: Entry) {
  return z.object({ items: z.array(entry), next: z.string().optional() });
}

/** The page that a list's query asks for, as the verbs take it. */
export function nextOf(call: { query: { limit: number }; after: string | undefined }): {
  limit: number;
  after?: string;
} {
  return { limit: call.query.limit, ...(call.after === undefined ? {} : { after: call.after }) };
}

/** A page of a list as `{items, next}`; `next` becomes a cursor that works for this list and caller only. */
export function listed<Entry>(
  deps: Pick<WebDeps, "secret">,
  call: Pick<Call, "c" | "caller">,
  page: { items: Entry[]; next?: string },
  toBody: (entry: Entry) => unknown = (entry) => entry,
  /** What the answer says beside the list. */
  beside: object = {},
): Answer {
  const items = page.items.map((entry) => toBody(entry));
  const next = page.next === undefined ? {} : { next: sealCursor(deps.secret, cursorScope(call), page.next) };
  return bytesTag({ status: 200, body: { items, ...next, ...beside } });
}

/** What a cursor is bound to: the list, its filters, and the unit whose eyes read it. */
export function cursorScope({ c, caller }: Pick<Call, "c" | "caller">): string {
  const url = new URL(c.req.url);
  const filters = [...url.searchParams].filter(([name]) => name !== "cursor" && name !== "limit").sort();
  return JSON.stringify([url.pathname, filters, caller ? (caller.unitId ?? "every unit") : "public"]);
}
