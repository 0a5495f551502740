import { sha256 } from "#src/ids.ts";

/** One file as multipart form data (RFC 7578), in the part that the platform calls `media`. */
export function filePart(name: string, type: string, bytes: Buffer): { type: string; body: Buffer } {
  let boundary = sha256(bytes).slice(0, 32);
  while (bytes.includes(`--${boundary}`)) boundary = sha256(boundary).slice(0, 32);
  const head = `--${boundary}\r\ncontent-disposition: form-data; name="media"; filename="${name}"\r\ncontent-type: ${type}\r\n\r\n`;
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}
