import type { Channel } from "./channel.ts";
import { type Gate, makeGate } from "./gate.ts";
import type { Hanging } from "./hanging.ts";
import type { Job, Work } from "./work.ts";

/** How many routine pushes of one channel are in flight at most, and how many that hang may stand aside of them. */
export type Room = { inFlight: number; aside: number };

const URGENT_ROOM = 128;
const HANGS: ReadonlySet<string> = new Set(["retry", "unknown"]);

/**
 * The gates of one channel: routine and urgent pushes have each their own, so that no number of hanging routine ones holds the
 * urgent; and of either those who did not answer the last time.
 */
export function pushGates(channel: Channel, room: Room, hanging: Pick<Hanging, "has">) {
  const inFlight = Math.min(channel.limits.inFlight, room.inFlight);
  const inFlightPerOrigin = Math.min(channel.limits.inFlightPerOrigin, inFlight);
  // Elsewhere a slot stands for what the vendor allows, whether it hangs or not.
  const eachForItself = channel.guarantee === "at-least-once";
  const aside = eachForItself ? room.aside : 0;
  // Half of a gate's room is for those who are known to answer.
  const half = (slots: number) => (eachForItself ? { doubtful: Math.ceil(slots / 2) } : {});
  const routine = makeGate({ inFlight, inFlightPerOrigin, aside, ...half(inFlight) });
  const fewer = Math.ceil(inFlight / 4);
  // An account that takes one push at a time takes one.
  const apart = (slots: number, more: { aside: number; doubtful?: number }): Gate =>
    inFlight === 1
      ? routine
      : makeGate({ inFlight: slots, inFlightPerOrigin: Math.min(slots, inFlightPerOrigin), ...more });
  const urgentRoom = Math.min(URGENT_ROOM, fewer);
  const urgent = apart(urgentRoom, { aside: aside / 2, ...half(urgentRoom) });
  const late = apart(fewer, { aside: aside / 4 });
  const lateUrgent = apart(urgentRoom, { aside: aside / 4 });

  /** Who did not answer the last time may hang again, and keeps no slot from those who do answer. */
  function of(work: Work, job: Job): Gate {
    const last = job.row?.attempts.at(-1);
    const hung = last !== undefined && last.status === undefined && HANGS.has(last.outcome);
    const isLate = hung || hanging.has(job.endpoint) || isFailing(work, job.endpoint);
    if (work.urgent) return isLate ? lateUrgent : urgent;
    return isLate ? late : routine;
  }

  /** Whether first attempts find no place aside: who has had one before waits where it keeps nobody waiting. */
  function isCrowded(): boolean {
    // The others are asked, too, so that each sets aside whom it can.
    const [ofRoutine, ofUrgent] = [routine, urgent, late, lateUrgent].map((gate) => gate.isCrowded());
    return ofRoutine === true || ofUrgent === true;
  }

  return {
    of,
    isCrowded,
    /** Whether it is for those who may hang. */
    isLate: (gate: Gate): boolean => gate === late || gate === lateUrgent,
    /** Where first attempts wait. */
    first: (isUrgent: boolean): Gate => (isUrgent ? urgent : routine),
  };
}

function isFailing({ marks }: Work, endpoint: string): boolean {
  return marks.size > 0 && marks.get(endpoint)?.state === "failing";
}
