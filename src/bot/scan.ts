import type { Log } from "#src/log.ts";

/** The statuses of a wechaty scan event (wechaty-puppet `ScanStatus`) that somebody has to see. */
export const SCAN = { waiting: 2, scanned: 3, confirmed: 4 } as const;

/** The login's QR code as blocks that a terminal shows, and its text for a terminal that cannot. */
export async function drawScan(code: string): Promise<string> {
  const { renderUnicodeCompact } = await import("uqr");
  return `微信扫码登录 Scan to log in:\n${renderUnicodeCompact(code, { border: 2 })}\n${code}`;
}

/** A QR code is a way into the account: it goes to a terminal that somebody looks at, never to an output that is kept. */
export function printScan(page: string, log: Log): (text: string) => void {
  if (process.stdout.isTTY) return (text) => process.stdout.write(`${text}\n`);
  return () => log.info("bot-scan-wanted", { page });
}
