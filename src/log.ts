export type LogFields = Record<string, string | number | boolean | null | undefined>;

/** One JSON object a line. Never pass secrets, tokens, addresses of private persons or texts that people wrote. */
export type Log = {
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
};

// Line separators that JSON.stringify leaves alone would break "one event, one line".
const BREAKS = /[\u007f-\u009f\u2028\u2029]/g;

export function jsonLog(write: (line: string) => void, now: () => Date): Log {
  const at =
    (level: string) =>
    (event: string, fields: LogFields = {}) => {
      const line = JSON.stringify({ at: now().toISOString(), level, event, ...fields });
      write(line.replace(BREAKS, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`));
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {} };
