import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";

/** What a push that takes several calls has made so far, by names of the channel's own. */
export type Steps = Readonly<Record<string, string | number>>;

/**
 * The memory of pushes that take several calls, or must not be repeated blindly: what is noted before the next call
 * stands after a crash. Keyed by delivery id, or by a name of the channel's own for what all its pushes share.
 */
export type PushSteps = {
  read(push: string): Promise<Steps>;
  /** Replaces what was noted. Only the one worker who has the delivery writes. `days`: how long it is kept, 14. */
  note(push: string, steps: Steps, days?: number): Promise<void>;
};

const DAY_SECONDS = 86_400;

export function pushSteps(deps: { table: Table; now: () => Date }): PushSteps {
  return {
    async read(push) {
      const item = await deps.table.get(keys.pushSteps(push));
      return (item?.["steps"] ?? {}) as Steps;
    },
    async note(push, steps, days = 14) {
      const expiresAt = Math.floor(deps.now().getTime() / 1000) + days * DAY_SECONDS;
      await deps.table.write([{ put: { ...keys.pushSteps(push), steps, expiresAt } }]);
    },
  };
}
