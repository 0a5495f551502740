import type { Table } from "#src/platform/table.ts";
import { keepSetting } from "./channel-settings.ts";
import { newPrivateKey, PUSH_KEY_SETTING, type PushKey, pushKeyOf } from "./push-key.ts";

/**
 * The instance's key, made when it is first asked for. Every browser subscribes to this one key, so of two processes that
 * make one the first wins, and it never changes by itself.
 */
export async function keepPushKey(deps: { table: Table; now: () => Date }): Promise<PushKey> {
  return pushKeyOf(await keepSetting(deps, "web-push", PUSH_KEY_SETTING, newPrivateKey));
}
