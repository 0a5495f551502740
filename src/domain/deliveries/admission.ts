import type { Gate } from "./gate.ts";

/** A chunk that is to be claimed: its announcement, its members' origins with how many are at each, as far as they are known. */
export type Coming = { group: string; urgent: boolean; origins: ReadonlyMap<string, number> };

/**
 * Keeps chunks from being claimed long before their pushes can begin: whoever stands in a claimed chunk may have been pushed to
 * should this process die, and is told of a withdrawal. So of an announcement only so many wait at the gate as begin while the
 * next chunk is claimed, except where they wait for others than those whom the next chunk is for.
 */
export type Admission = {
  /** Answers when it may be claimed; what it answers is to be called when its members stand at the gate. Undefined: not for long. */
  admit(chunk: Coming): Promise<(() => void) | undefined>;
  /** Somebody of this announcement no longer waits at the gate. */
  moved(group: string): void;
  /** Nobody of this announcement is pushed to any more: its chunks are only written down. */
  open(group: string): void;
};

type Waiting = { chunk: Coming; since: number; go: (launched: (() => void) | undefined) => void };
/** `coming`: members of chunks that are being claimed, by origin and in all. */
type Group = { coming: Map<string, number>; all: number; waiting: Waiting[]; moves: number };

const LOOK_MS = 20;
const PATIENCE_MS = 5000;
// Looking at every origin of a chunk costs more than a push may.
const MOVES_A_LOOK = 16;
// Once too few wait, the chunks of so many more are claimed together: where one process does everything, they share one sync.
const TOGETHER = 200;

/** `ahead`: so many may wait. `milliseconds` is a clock that only runs forward. */
export function makeAdmission(
  gateFor: (urgent: boolean) => Gate,
  ahead: number,
  milliseconds: () => number = () => performance.now(),
): Admission {
  const groups = new Map<string, Group>();
  let clock: NodeJS.Timeout | undefined;

  const isShort = (group: Group, chunk: Coming, most = ahead): boolean =>
    gateFor(chunk.urgent).waiting(chunk.group) + group.all < most;

  const fits = (group: Group, chunk: Coming, most = ahead): boolean => {
    if (isShort(group, chunk, most)) return true;
    const gate = gateFor(chunk.urgent);
    if (group.all >= gate.room()) return false;
    for (const origin of chunk.origins.keys())
      if (gate.isOpen(origin, ahead - (group.coming.get(origin) ?? 0))) return true;
    return false;
  };

  const add = (group: Group, { origins }: Coming, sign: 1 | -1): void => {
    for (const [origin, members] of origins) {
      group.all += sign * members;
      group.coming.set(origin, (group.coming.get(origin) ?? 0) + sign * members);
    }
  };

  const enter = (group: Group, chunk: Coming): (() => void) => {
    add(group, chunk, 1);
    let launched = false;
    return () => {
      if (launched) return;
      launched = true;
      add(group, chunk, -1);
      look(group);
      forgetIdle(chunk.group, group);
    };
  };

  const look = (group: Group): void => {
    let [first] = group.waiting;
    const most = first && isShort(group, first.chunk) ? ahead + TOGETHER : ahead;
    for (; first && fits(group, first.chunk, most); first = group.waiting[0]) {
      group.waiting.shift();
      first.go(enter(group, first.chunk));
    }
  };

  const forgetIdle = (name: string, group: Group): void => {
    if (group.all === 0 && group.waiting.length === 0) groups.delete(name);
  };

  /** Whoever waits behind one that waits for others need not; and a silent origin moves nobody. */
  const lookAtAll = (): void => {
    const late = milliseconds() - PATIENCE_MS;
    for (const [name, group] of groups) {
      const waiting = group.waiting;
      group.waiting = [];
      for (const one of waiting) {
        if (fits(group, one.chunk)) one.go(enter(group, one.chunk));
        else if (one.since < late) one.go(undefined);
        else group.waiting.push(one);
      }
      forgetIdle(name, group);
    }
    if ([...groups.values()].some(({ waiting }) => waiting.length > 0)) return;
    clearInterval(clock);
    clock = undefined;
  };

  return {
    admit: (chunk) => {
      let group = groups.get(chunk.group);
      if (!group) {
        group = { coming: new Map(), all: 0, waiting: [], moves: 0 };
        groups.set(chunk.group, group);
      }
      const { waiting } = group;
      if (waiting.length === 0 && fits(group, chunk)) return Promise.resolve(enter(group, chunk));
      clock ??= setInterval(lookAtAll, LOOK_MS);
      return new Promise((go) => waiting.push({ chunk, since: milliseconds(), go }));
    },
    moved: (name) => {
      const group = groups.get(name);
      const first = group?.waiting[0];
      if (!group || !first) return;
      if (isShort(group, first.chunk) || ++group.moves % MOVES_A_LOOK === 0) look(group);
    },
    open: (name) => {
      const group = groups.get(name);
      for (const { chunk, go } of group?.waiting.splice(0) ?? []) go(group && enter(group, chunk));
    },
  };
}
