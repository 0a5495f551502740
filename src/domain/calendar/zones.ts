const MINUTE_MS = 60_000;
const SHANGHAI = "Asia/Shanghai";
// A name of the IANA database, not an offset such as +08:00, which Intl takes as well.
const NAME = /^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/;

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
  const made = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
  });
  formats.set(zone, made);
  return made;
}

/** Whether this runtime's time zone data know the name. */
export function isTimeZone(name: string): boolean {
  if (name.length > 64 || !NAME.test(name)) return false;
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

// What the IANA database itself has of that form.
const SHORT = ["CET", "EET", "EST", "GMT", "HST", "MET", "MST", "PRC", "ROC", "ROK", "UCT", "UTC", "WET"];

/** Whether somebody may have meant another zone: CST is China's to us, and Chicago's to the runtime. */
export function isAmbiguousZone(name: string): boolean {
  return /^[a-z]{3}$/i.test(name) && !SHORT.includes(name.toUpperCase());
}

/** How far a zone's clocks are ahead of UTC at an instant, in milliseconds. */
export function zoneOffset(zone: string, instant: Date): number {
  if (zone === SHANGHAI) return 8 * 60 * MINUTE_MS;
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(instant)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const whole = Math.floor(instant.getTime() / 1000) * 1000;
  return Date.UTC(year, month - 1, day, hour, minute, second) - whole;
}

/** What a zone's clocks show: minutes since midnight, 0 to 1,439. */
export function zoneClock(zone: string, instant: Date): number {
  const local = Math.floor((instant.getTime() + zoneOffset(zone, instant)) / MINUTE_MS);
  return ((local % 1440) + 1440) % 1440;
}

/** The first instant after `from`, up to `to`, at which a zone's clocks are set; undefined when they run on. Less than a day. */
export function clockChange(zone: string, from: Date, to: Date): Date | undefined {
  const before = zoneOffset(zone, from);
  if (zoneOffset(zone, to) === before) return undefined;
  let still = Math.floor(from.getTime() / MINUTE_MS);
  let changed = Math.ceil(to.getTime() / MINUTE_MS);
  while (changed - still > 1) {
    const middle = Math.floor((still + changed) / 2);
    if (zoneOffset(zone, new Date(middle * MINUTE_MS)) === before) still = middle;
    else changed = middle;
  }
  return new Date(changed * MINUTE_MS);
}
