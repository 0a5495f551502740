import { z } from "zod";
import { fault } from "#src/errors.ts";
import { schema } from "#src/schema.ts";

export const MAX_ATTACHMENTS = 10;
export const MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024;

/** Pictures, PDF and video: what a witness has. No archive, no office document with macros, no markup. */
export const ATTACHMENT_TYPES = [
  "image/jpeg",
  "image/png",
  "image/gif",
  "image/webp",
  "image/heic",
  "application/pdf",
  "video/mp4",
] as const;
export type AttachmentType = (typeof ATTACHMENT_TYPES)[number];

/** What the reporter is about to upload; `size` in bytes, `sha256` hex. */
export const DeclaredAttachment = schema(() =>
  z.strictObject({
    name: z
      .string()
      .trim()
      .min(1)
      .max(120)
      .refine(
        (name) => !/[\u0000-\u001f\u007f/\\]/.test(name),
        fault("ATTACHMENT_NAME", "文件名不正确", "no such file name"),
      ),
    type: z.enum(
      ATTACHMENT_TYPES,
      fault("ATTACHMENT_TYPE", "附件须为图片、PDF或MP4视频", "an attachment is a picture, a PDF or an MP4 video"),
    ),
    size: z
      .int()
      .min(1)
      .max(MAX_ATTACHMENT_BYTES, fault("ATTACHMENT_LIMIT", "每个附件不得超过20MB", "an attachment has at most 20 MB")),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .exactOptional(),
  }),
);
export type DeclaredAttachment = z.infer<ReturnType<typeof DeclaredAttachment>>;

const HEIC = ["heic", "heix", "mif1", "msf1"];
const MP4 = ["isom", "iso2", "iso4", "iso5", "iso6", "mp41", "mp42", "avc1", "M4V ", "MSNV", "qt  "];

/** What the first bytes say a file is; undefined for everything that is not taken. */
export function sniffedType(bytes: Uint8Array): AttachmentType | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 16)).toString("latin1");
  if (head.startsWith("\u00ff\u00d8\u00ff")) return "image/jpeg";
  if (head.startsWith("\u0089PNG\r\n\u001a\n")) return "image/png";
  if (head.startsWith("GIF87a") || head.startsWith("GIF89a")) return "image/gif";
  if (head.startsWith("RIFF") && head.slice(8, 12) === "WEBP") return "image/webp";
  if (head.startsWith("%PDF-")) return "application/pdf";
  if (head.slice(4, 8) !== "ftyp") return undefined;
  if (HEIC.includes(head.slice(8, 12))) return "image/heic";
  return MP4.includes(head.slice(8, 12)) ? "video/mp4" : undefined;
}
