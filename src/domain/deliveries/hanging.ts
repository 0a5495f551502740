/**
 * Whom this process waits for in vain, or did lately: what is told to them next goes where it keeps nobody waiting. Other processes
 * learn of them by the endpoints' marks, once they have failed twice.
 */
export type Hanging = {
  /** It has not answered for long, or not at all. */
  note(endpoint: string): void;
  answered(endpoint: string): void;
  has(endpoint: string): boolean;
};

const REMEMBERED_MS = 10 * 60_000;
const MOST = 10_000;

export function makeHanging(milliseconds: () => number): Hanging {
  const until = new Map<string, number>();
  return {
    note(endpoint) {
      until.delete(endpoint); // so that the first of the map is always the one to be forgotten next
      until.set(endpoint, milliseconds() + REMEMBERED_MS);
      if (until.size <= MOST) return;
      const [oldest = ""] = until.keys();
      until.delete(oldest);
    },
    answered(endpoint) {
      if (until.size > 0) until.delete(endpoint);
    },
    has(endpoint) {
      if (until.size === 0) return false;
      return (until.get(endpoint) ?? 0) > milliseconds();
    },
  };
}
