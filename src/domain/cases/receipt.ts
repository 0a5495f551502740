import { hash, randomBytes, timingSafeEqual } from "node:crypto";

export type Receipt = { number: string; secret: string };

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const TIME_CHARACTERS = 6;
const RANDOM_CHARACTERS = 4;
const DAY_MS = 86_400_000;
const SHANGHAI_MS = 8 * 3_600_000;
const SECRET_CHARACTERS = 26;

/**
 * A receipt of a Shanghai day (`YYYY-MM-DD`): the public number names the day and its moment, finer than a millisecond, so
 * numbers sort as they were given out and a store keeps neighbours together, then carries 20 random bits; the secret has
 * 130 (OWASP ASVS 5.0 asks for 128). Crockford's base 32, which people can read out and type.
 */
export function newReceipt(day: string, now: Date): Receipt {
  const characters = drawn(RANDOM_CHARACTERS + SECRET_CHARACTERS);
  return {
    number: `${day.replaceAll("-", "")}-${timeOfDay(now)}${characters.slice(0, RANDOM_CHARACTERS)}`,
    secret: characters.slice(RANDOM_CHARACTERS),
  };
}

function timeOfDay(now: Date): string {
  let step = Math.floor((((now.getTime() + SHANGHAI_MS) % DAY_MS) * 32 ** TIME_CHARACTERS) / DAY_MS);
  let text = "";
  for (let i = 0; i < TIME_CHARACTERS; i++) {
    text = ALPHABET.charAt(step & 31) + text;
    step >>= 5;
  }
  return text;
}

let pool = Buffer.alloc(0);
let next = 0;

/** Random characters, each given out once; drawn for 64 receipts at a time, for a draw costs more than all the rest. */
function drawn(count: number): string {
  if (pool.length < next + count) {
    pool = randomBytes(64 * count).map((byte) => ALPHABET.charCodeAt(byte & 31)) as typeof pool;
    next = 0;
  }
  const characters = pool.toString("latin1", next, next + count);
  pool.fill(0, next, next + count);
  next += count;
  return characters;
}

export function secretHash(secret: string): string {
  return hash("sha256", secret, "base64url");
}

/** Small letters, spaces, hyphens and the look-alikes O, I and L read as what was meant. */
function typed(text: string): string {
  return text.normalize("NFKC").toUpperCase().replace(/[\s-]/g, "").replaceAll("O", "0").replace(/[IL]/g, "1");
}

/** The number and secret as they were given out, from what somebody typed; of anything else, what no receipt has. */
export function readReceipt(given: Receipt): Receipt {
  const number = typed(given.number);
  const shaped = /^\d{8}[0-9A-HJKMNP-TV-Z]{10}$/.test(number);
  return {
    number: shaped ? `${number.slice(0, 8)}-${number.slice(8)}` : "00000000-0000000000",
    secret: typed(given.secret),
  };
}

const NOBODY = secretHash("");

/** Takes the same time whether there is no such case or the secret is wrong. */
export function secretFits(secret: string, stored: string | undefined): boolean {
  const given = Buffer.from(secretHash(secret));
  const expected = Buffer.from(stored ?? NOBODY);
  const same = given.length === expected.length && timingSafeEqual(given, expected);
  return same && stored !== undefined;
}
