import type { Text } from "#src/text.ts";

const FEN_PER_WAN = 1_000_000;
const LIMIT_WAN = 1_000_000_000;
const PATTERN = /^([+-]?)(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d{1,6}))?(?:万元?)?$/;

export type AmountFault = { code: "AMOUNT_FORMAT"; detail: Text };

/**
 * Reads an amount in 万元 as people write it (`1.85`, `1.85万元`, `１．８５万`, `1,000万元`) into whole fen; 1 万元 is
 * 1,000,000 fen. At most six places, absolute value under 1e9 万元; estimates such as `约2万` and other units are refused.
 */
export function parseAmount(text: string): number | AmountFault {
  const plain = text.normalize("NFKC").replace(/\s/g, "").replace("−", "-");
  const [, sign, whole, places = ""] = PATTERN.exec(plain) ?? [];
  if (whole === undefined) return wrong("金额须为以万元为单位的数字，如 1.85", "a number of 万元 such as 1.85");
  const wan = Number(whole.replaceAll(",", ""));
  if (wan >= LIMIT_WAN) return wrong("金额须小于10亿万元", "less than 1,000,000,000 万元");
  const fen = wan * FEN_PER_WAN + Number(places.padEnd(6, "0"));
  return sign === "-" && fen !== 0 ? -fen : fen;
}

/** The exact decimal in 万元 with at least two places: `1.80`, `1.85005`. Read by `parseAmount` it gives the same fen. */
export function exactAmount(fen: number): string {
  const digits = String(Math.abs(fen)).padStart(7, "0");
  const places = digits.slice(-6).replace(/0{1,4}$/, "");
  return `${fen < 0 ? "-" : ""}${digits.slice(0, -6)}.${places}`;
}

/** For readers: 万元 with two places (anything under 100 yuan is rounded away from zero at the half). */
export function shownAmount(fen: number): string {
  const hundredths = Math.round(Math.abs(fen) / 10_000);
  const whole = String(Math.floor(hundredths / 100)).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${fen < 0 && hundredths > 0 ? "-" : ""}${whole}.${String(hundredths % 100).padStart(2, "0")}万元`;
}

function wrong(zh: string, en: string): AmountFault {
  return { code: "AMOUNT_FORMAT", detail: { zh, en } };
}
