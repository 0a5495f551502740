/**
 * How many pushes of one channel may be in flight, how many that hang may stand aside of them, and how many connections it
 * keeps without a request; each is halved or quartered again for the channel's other gates. The rest is for the doors, the
 * store and the other channels.
 */
export type Room = { inFlight: number; aside: number; idle: number };

const IN_USE = 2048;
const MOST_ASIDE = 4096;
const MOST_IDLE = 2048;

export function shareOut(files: number): Room {
  return {
    inFlight: Math.max(1, Math.floor(files / 8)),
    aside: Math.min(MOST_ASIDE, Math.max(Math.floor(files / 16), Math.floor((files - IN_USE) / 4))),
    idle: Math.min(MOST_IDLE, Math.floor(files / 8)),
  };
}
