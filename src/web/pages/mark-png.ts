import { crc32, deflateSync } from "node:zlib";
import { sha256 } from "#src/ids.ts";
import { MARK } from "./style.ts";

/** Sizes in which home screens want the mark: Apple's touch icon, and the large one of a web app manifest. */
export const MARK_SIZES = [180, 512] as const;
export type MarkSize = (typeof MARK_SIZES)[number];

/** The address names the drawing, so that a browser may keep the picture for ever. */
export function markPath(size: MarkSize): string {
  return `/assets/${sha256(MARK).slice(0, 16)}-${size}.png`;
}

const made = new Map<MarkSize, Buffer>();

/** `MARK` to the edges, without transparency, small enough for any mask (a circle of 80 %); drawn when it is first asked for. */
export function markPng(size: MarkSize): Buffer {
  const known = made.get(size) ?? drawn(size);
  made.set(size, known);
  return known;
}

const SAMPLES = 4;
const UNITS = 48;
const SCALE = 0.9;
const RED = [0xb0, 0x11, 0x19];

function drawn(size: number): Buffer {
  const rows = Buffer.alloc(size * (1 + size * 3));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const white = whiteness(x, y, size);
      for (const [i, red] of RED.entries())
        rows[y * (1 + size * 3) + 1 + x * 3 + i] = Math.round(red + (255 - red) * white);
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 2, 0, 0, 0], 8); // eight bits of red, green and blue each
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** How much of a pixel is white, 0 to 1. */
function whiteness(x: number, y: number, size: number): number {
  let white = 0;
  for (let i = 0; i < SAMPLES * SAMPLES; i++) {
    const at = (pixel: number, step: number) =>
      (((pixel + (step + 0.5) / SAMPLES) / size - 0.5) * UNITS) / SCALE + UNITS / 2;
    if (isWhite(at(x, i % SAMPLES), at(y, Math.floor(i / SAMPLES)))) white++;
  }
  return white / (SAMPLES * SAMPLES);
}

/** The shapes of `MARK` in its own units: a roof, and below it a sheet with three lines. */
function isWhite(x: number, y: number): boolean {
  if (y < 20) return y >= 7 && x >= 7 && x <= 41 && (y >= 17 || Math.abs(x - 24) <= (y - 7) * 1.7);
  if (x < 11 || x > 37 || y < 23 || y > 40) return false;
  return !LINES.some(([middle, end]) => Math.abs(y - middle) <= 1.1 && x >= 15.5 && x <= end);
}

const LINES = [
  [28, 32.5],
  [32, 32.5],
  [36, 25.5],
] as const;

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}
