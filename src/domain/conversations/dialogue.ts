import { z } from "zod";
import { CaseType } from "#src/domain/cases/case.ts";
import { keys } from "#src/platform/keys.ts";
import type { Item, Table } from "#src/platform/table.ts";

/** A report on its way: what was asked last, and what was said so far. `sent`: it is in, under that number. */
export const Dialogue = z.object({
  step: z.enum(["type", "title", "description", "confirm", "sent"]),
  language: z.enum(["zh-CN", "en"]),
  type: CaseType.exactOptional(),
  title: z.string().exactOptional(),
  description: z.string().exactOptional(),
  number: z.string().exactOptional(),
  version: z.number(),
});
export type Dialogue = z.infer<typeof Dialogue>;

/** Words that were never sent in are forgotten after so long. */
const KEPT_SECONDS = 1800;

type Deps = { table: Table; now: () => Date };

export async function readDialogue(deps: Pick<Deps, "table">, endpoint: string): Promise<Dialogue | undefined> {
  const item = await deps.table.get(keys.dialogue(endpoint));
  return item && Dialogue.parse(item);
}

export function dialogueItem(deps: Pick<Deps, "now">, endpoint: string, dialogue: Dialogue): Item {
  const expiresAt = Math.floor(deps.now().getTime() / 1000) + KEPT_SECONDS;
  return { ...keys.dialogue(endpoint), ...dialogue, expiresAt };
}

/** False when another word of the same chat came in between. */
export async function putDialogue(
  deps: Deps,
  endpoint: string,
  next: Omit<Dialogue, "version">,
  before?: Dialogue,
): Promise<boolean> {
  const put = dialogueItem(deps, endpoint, { ...next, version: (before?.version ?? 0) + 1 });
  return (await deps.table.write([before ? { put, if: { version: before.version } } : { put }])).ok;
}

export async function endDialogue(deps: Pick<Deps, "table">, endpoint: string): Promise<void> {
  await deps.table.write([{ remove: keys.dialogue(endpoint) }]);
}
