import { append, emptyList, type LinkedList, remove } from "./linked-list.ts";

/**
 * Who waits at a gate: groups (announcements) take turns, in a group its origins, and at an origin first come, first served. Where
 * everybody hangs the last one is tried instead: the first ones may be what is left of chunks whose other members were served.
 */
export type WaitingRoom<O extends Origin, Slot> = {
  wait(origin: O, group: string, go: (slot: Slot) => void): Waiter<O, Slot>;
  /** It waits no longer; answers whether it did. */
  cancel(waiter: Waiter<O, Slot>): boolean;
  /** Lets in whoever there is room for. */
  letIn(): void;
  /** Those who wait for this origin need no room for doubtful ones any more. */
  unpark(origin: O): void;
  /** How many of this group wait. */
  waitingOf(group: string): number;
  isEmpty(): boolean;
};

/** `waiting`: how many do; the room counts them. */
type Origin = { name: string; waiting: number };

export type Waiter<O extends Origin, Slot> = {
  go: (slot: Slot) => void;
  origin: O;
  lane: { waiting: number };
  list: LinkedList<Waiter<O, Slot>> | undefined;
  before: Waiter<O, Slot> | undefined;
  next: Waiter<O, Slot> | undefined;
};

export type Rules<O extends Origin, Slot> = {
  isFull(): boolean;
  hasRoom(origin: O): boolean;
  /** Whether it has none for want of room for doubtful ones. */
  hasToPark(origin: O): boolean;
  hasDoubtfulRoom(): boolean;
  isSilent(origin: O): boolean;
  start(origin: O): Slot;
};

/** Who waits in one group: its origins in turn, those that wait for room for doubtful ones, and the pushes to each. */
type Lane<O extends Origin, Slot> = {
  turns: string[];
  parked: Parked;
  lines: Map<string, LinkedList<Waiter<O, Slot>>>;
  waiting: number;
};

/** Names in the order of coming, from `at` on; whoever is not among `now` any more has left. */
type Parked = { names: string[]; at: number; now: Set<string> };

export function makeWaitingRoom<O extends Origin, Slot>(rules: Rules<O, Slot>): WaitingRoom<O, Slot> {
  const lanes = new Map<string, Lane<O, Slot>>();
  let lettingIn = false;

  /** Lets the next push of a group in whose origin has room. */
  function letOne(lane: Lane<O, Slot>): boolean {
    const passed: string[] = [];
    let found = false;
    while (!found) {
      // Thousands may be parked: nobody looks at each of them whenever one slot is free.
      const name = (rules.hasDoubtfulRoom() ? nextParked(lane.parked) : undefined) ?? lane.turns.shift();
      if (name === undefined) break;
      const line = lane.lines.get(name);
      const origin = line?.first?.origin;
      if (!line || !origin) {
        lane.lines.delete(name);
        continue;
      }
      if (!rules.hasRoom(origin)) {
        if (rules.hasToPark(origin)) park(lane.parked, name);
        else passed.push(name);
        continue;
      }
      found = true;
      const waiter = rules.isSilent(origin) ? line.last : line.first;
      if (waiter) room.cancel(waiter);
      if (line.first) lane.turns.push(name);
      else lane.lines.delete(name);
      waiter?.go(rules.start(origin));
    }
    if (passed.length > 0) lane.turns = [...passed, ...lane.turns];
    return found;
  }

  function letAllIn(): void {
    for (let without = 0; !rules.isFull() && without < lanes.size; ) {
      const first = lanes.entries().next().value;
      if (!first) break;
      const [group, lane] = first;
      const found = letOne(lane);
      if (found) without = 0;
      const isLeft = lane.turns.length + lane.parked.now.size > 0;
      // Alone it stays where it is: moved to the end at every push, it would cost more than all the rest of this.
      if (isLeft && lanes.size === 1) {
        if (found) continue;
        return;
      }
      lanes.delete(group);
      if (!isLeft) continue;
      lanes.set(group, lane);
      if (!found) without++;
    }
  }

  const room: WaitingRoom<O, Slot> = {
    wait(origin, group, go) {
      let lane = lanes.get(group);
      if (!lane) {
        lane = { turns: [], parked: { names: [], at: 0, now: new Set() }, lines: new Map(), waiting: 0 };
        lanes.set(group, lane);
      }
      let line = lane.lines.get(origin.name);
      if (!line) {
        line = emptyList();
        lane.lines.set(origin.name, line);
        if (rules.hasToPark(origin)) park(lane.parked, origin.name);
        else lane.turns.push(origin.name);
      }
      const waiter: Waiter<O, Slot> = { go, origin, lane, list: undefined, before: undefined, next: undefined };
      append(line, waiter);
      lane.waiting++;
      origin.waiting++;
      return waiter;
    },
    cancel(waiter) {
      if (!remove(waiter)) return false;
      waiter.lane.waiting--;
      waiter.origin.waiting--;
      return true;
    },
    letIn() {
      // Who is let in may leave before it returns (a newer text has come): the running loop sees that, deeper ones would fill the stack.
      if (lettingIn) return;
      lettingIn = true;
      try {
        letAllIn();
      } finally {
        lettingIn = false;
      }
    },
    unpark({ name }) {
      for (const lane of lanes.values()) if (lane.parked.now.delete(name)) lane.turns.push(name);
    },
    waitingOf: (group) => lanes.get(group)?.waiting ?? 0,
    isEmpty: () => lanes.size === 0,
  };
  return room;
}

function nextParked(parked: Parked): string | undefined {
  while (parked.at < parked.names.length) {
    const name = parked.names[parked.at++] ?? "";
    if (parked.now.delete(name)) return name;
  }
  parked.names = [];
  parked.at = 0;
  return undefined;
}

function park(parked: Parked, name: string): void {
  if (!parked.now.has(name)) parked.names.push(name);
  parked.now.add(name);
}
