/** Milliseconds, unless named otherwise. */
export type BotTiming = {
  /** How long a message that got no id may take to show up as the bot's own. */
  ownMessageMs: number;
  /** How long a send may take before it counts as hanging. */
  patienceMs: number;
  /** How often health is looked at, and how soon a failed probe is repeated. */
  checkMs: number;
  /** The least between two probes that mere suspicion asks for: every failed push is one. */
  suspectMs: number;
  /** How long a start may take to show a QR code or to log in. */
  startMs: number;
  stopMs: number;
  /** How long after a logout a QR code or a login must come. */
  logoutMs: number;
  pollMs: number;
  reportMs: number;
  beatMs: number;
  /** A QR code that nobody replaced is no longer shown after so long. */
  qrMs: number;
  /** Before each further start, before jitter of ±20 %; the last one repeats. */
  backoffMs: readonly number[];
  /** After so many starts without QR code or login the kept session is what stands in the way. */
  failedStarts: number;
};

export const TIMING: BotTiming = {
  ownMessageMs: 3000,
  patienceMs: 30_000,
  checkMs: 60_000,
  suspectMs: 300_000,
  startMs: 90_000,
  stopMs: 35_000,
  logoutMs: 60_000,
  pollMs: 5000,
  reportMs: 1000,
  beatMs: 60_000,
  qrMs: 300_000,
  backoffMs: [5000, 30_000, 120_000, 600_000, 1_800_000],
  failedStarts: 3,
};
