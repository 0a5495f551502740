/**
 * How many pushes of one channel may be in flight, how many that hang may stand aside of them, and how many connections it
 * keeps without a request; each is halved or quartered again for the channel's other gates. The rest is for the doors, the
 * store and the other channels.
 */
export type Room = { inFlight: number; aside: number; idle: number };

const IN_USE = 2048;
// Each costs some 40 kB until it answers or has been idle for long.
const MOST_ASIDE = 4096;
const MOST_IDLE = 2048;

export function shareOut(files: number): Room {
  const spare = Math.floor((files - IN_USE) / 4);
  return {
    inFlight: Math.max(1, Math.floor(files / 8)),
    aside: Math.min(MOST_ASIDE, Math.max(Math.floor(files / 16), spare)),
    idle: Math.min(MOST_IDLE, Math.max(Math.floor(files / 8), spare)),
  };
}
