const DAY = 86_400;

/** Seconds until the time a receiver named (RFC 9110 10.2.3: seconds or an HTTP date), 1 to 86,400; else undefined. */
export function retryAfterSeconds(value: string | string[] | undefined, now: Date): number | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim() ?? "";
  const seconds = /^\d{1,15}$/.test(text) ? Number(text) : secondsUntil(text, now);
  return seconds > 0 ? Math.min(seconds, DAY) : undefined;
}

function secondsUntil(text: string, now: Date): number {
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text)) return 0;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.ceil((at - now.getTime()) / 1000);
}
