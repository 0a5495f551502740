import { COOL_DOWN_SECONDS, type Messenger, TOO_OFTEN } from "#src/domain/deliveries/messenger.ts";
import { heldFor } from "#src/platform/clock.ts";
import type { Health } from "./health.ts";
import type { Keeper } from "./keep-alive.ts";
import { makeMessenger, type PuppetSend } from "./messenger.ts";
import type { InTurn } from "./replies.ts";
import type { Reporter } from "./report-state.ts";
import type { BotTiming } from "./timing.ts";
import { LATE, within } from "./within.ts";

export type Sending = ReturnType<typeof makeSending>;

/** What may be sent with while somebody is logged in, and what becomes of it: the account's silence, its health, its state. */
export function makeSending(deps: {
  now: () => Date;
  timing: BotTiming;
  reporter: Reporter;
  inTurn: InTurn;
  health: () => Pick<Health, "good" | "suspect">;
  keeper: () => Pick<Keeper, "proven">;
}) {
  const { now, timing, reporter, inTurn } = deps;
  let messenger: ReturnType<typeof makeMessenger> | undefined;
  let coolUntil = 0;
  let gaveIds = false;

  const cooling = () => heldFor(coolUntil, now().getTime(), COOL_DOWN_SECONDS * 1000) > 0;
  const watch = {
    notNow: () => (cooling() ? "the account cools down: too often" : undefined),
    sent(id: string | undefined) {
      // A puppet that has named its messages before and names this one not has not shown that it left.
      if (id === undefined && gaveIds) return deps.health().suspect();
      gaveIds ||= id !== undefined;
      deps.health().good();
      deps.keeper().proven();
      reporter.change({ lastGoodSendAt: now().toISOString() }, "later");
    },
    failed(detail: string) {
      reporter.change({ lastError: { at: now().toISOString(), detail } });
      if (!TOO_OFTEN.test(detail)) return deps.health().suspect();
      coolUntil = now().getTime() + COOL_DOWN_SECONDS * 1000;
      reporter.change({ phase: "cooling", coolUntil: new Date(coolUntil).toISOString() });
    },
    hangs: () => deps.health().suspect(),
  };

  return {
    messenger: (): Messenger | undefined => messenger,
    own: (to: string, id: string, shows: string) => messenger?.own(to, id, shows),
    cooling,
    open(puppet: PuppetSend) {
      messenger = makeMessenger(puppet, timing, watch);
    },
    close() {
      messenger = undefined;
    },
    /** Tells the end of a silence. */
    warmUp() {
      if (reporter.state().phase === "cooling" && !cooling())
        reporter.change({ phase: messenger ? "in" : "out", coolUntil: undefined });
    },
    /** Whether one message really leaves. An account that has to be silent is not sick. */
    async try(address: string, text: string): Promise<boolean> {
      const sender = messenger;
      if (!sender) return true;
      try {
        const sent = await inTurn(() => within(timing.patienceMs, () => sender.send(address, { kind: "text", text })));
        return sent !== LATE && (sent.id !== undefined || !gaveIds);
      } catch (error) {
        return TOO_OFTEN.test(String(error));
      }
    },
  };
}

const FILE_HELPER = "filehelper";

/** The account's own file helper where it has one, else the account itself. */
export async function ownContact(
  puppet: { contactList(): Promise<string[]>; currentUserId: string },
  patienceMs: number,
): Promise<string> {
  const none: string[] = [];
  const contacts = await within(patienceMs, () => puppet.contactList().catch(() => none));
  return contacts !== LATE && contacts.includes(FILE_HELPER) ? FILE_HELPER : puppet.currentUserId;
}
