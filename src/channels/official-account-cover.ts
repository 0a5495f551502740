import { crc32, deflateSync } from "node:zlib";

const WIDTH = 900;
const HEIGHT = 383;
const TOP = [24, 84, 148] as const;
const BOTTOM = [13, 52, 99] as const;
const BAND = [226, 179, 74] as const;

/**
 * The cover of articles where the operator set none (a draft is refused without one): a PNG of 900 × 383, the shape in
 * which the platform shows covers, in plain colours and without text.
 */
export function plainCover(): Buffer {
  const rows: Buffer[] = [];
  for (let y = 0; y < HEIGHT; y++) {
    const share = y / (HEIGHT - 1);
    const banded = y >= HEIGHT - 28 && y < HEIGHT - 16;
    const [r, g, b] = banded ? BAND : TOP.map((top, i) => Math.round(top + ((BOTTOM[i] ?? top) - top) * share));
    const row = Buffer.alloc(1 + WIDTH * 3);
    for (let x = 0; x < WIDTH; x++) row.set([r ?? 0, g ?? 0, b ?? 0], 1 + x * 3);
    rows.push(row);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const data = deflateSync(Buffer.concat(rows), { level: 9 });
  return Buffer.concat([signature, chunk("IHDR", head), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([ends.subarray(0, 4), named, ends.subarray(4)]);
}
