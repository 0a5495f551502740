/**
 * A list of its own instead of a Set: a Set that thousands pass through makes a new table again and again, each old one refers
 * to the next, and what stood in them outlives its use until the whole heap is collected.
 */
export type LinkedList<T> = { first: T | undefined; last: T | undefined; count: number };

/** `list`: while it stands in one. `before` and `next`: its neighbours there. */
type Linked<T> = {
  list: LinkedList<T> | undefined;
  before: T | undefined;
  next: T | undefined;
};

export function emptyList<T>(): LinkedList<T> {
  return { first: undefined, last: undefined, count: 0 };
}

export function append<T extends Linked<T>>(list: LinkedList<T>, one: T): void {
  one.list = list;
  one.before = list.last;
  if (list.last) list.last.next = one;
  else list.first = one;
  list.last = one;
  list.count++;
}

/** Takes one out of its list; answers whether it stood in any. */
export function remove<T extends Linked<T>>(one: T): boolean {
  const { list, before, next } = one;
  if (!list) return false;
  if (before) before.next = next;
  else list.first = next;
  if (next) next.before = before;
  else list.last = before;
  one.list = undefined;
  one.before = undefined;
  one.next = undefined;
  list.count--;
  return true;
}
