/**
 * How many pushes of one channel may be in flight, how many that hang may stand aside of them, and how many connections it
 * keeps without a request; each is halved or quartered again for the channel's other gates. The rest is for the doors, the
 * store and the other channels.
 */
export type Room = { inFlight: number; aside: number; idle: number };

const IN_USE = 2048;
const MOST = 4096;

export function shareOut(files: number): Room {
  const share = (least: number) =>
    Math.min(MOST, Math.max(Math.floor(files * least), Math.floor((files - IN_USE) / 4)));
  return { inFlight: Math.max(1, Math.floor(files / 8)), aside: share(1 / 16), idle: share(1 / 8) };
}
