import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { AppError } from "#src/errors.ts";
import type { Bucket, ObjectHead } from "#src/platform/bucket.ts";
import { checkLinkSeconds, checkObjectKey } from "#src/platform/limits.ts";
import type { Blobs } from "./blobs.ts";
import { answered, type Group, unavailable } from "./group.ts";
import type { Links } from "./links.ts";
import { behindPrefix } from "./pages.ts";

const PAGE = 1_000;

/** What the object door needs beside the port: bytes that come as a stream and must be what was announced. */
export type LocalBucket = Bucket & {
  take(key: string, contentType: string, chunks: AsyncIterable<Uint8Array>, announced: Announced): Promise<void>;
};

export type Announced = { size?: number; sha256?: string };

type Row = { file: string; head: ObjectHead & { sha256: string } };

export function localBucket(deps: { sql: DatabaseSync; group: Group; blobs: Blobs; links: Links }): LocalBucket {
  const { sql, group, blobs, links } = deps;
  const one = sql.prepare("SELECT file, type, size, sha256 FROM objects WHERE key = ?");
  const put = sql.prepare("INSERT OR REPLACE INTO objects (key, file, type, size, sha256) VALUES (?, ?, ?, ?, ?)");
  const remove = sql.prepare("DELETE FROM objects WHERE key = ?");
  const keys = sql.prepare("SELECT key FROM objects WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT +?");

  const find = (key: string): Row | undefined => {
    checkObjectKey(key);
    const row = one.get(key);
    return (
      row && {
        file: String(row["file"]),
        head: { size: Number(row["size"]), contentType: String(row["type"]), sha256: String(row["sha256"]) },
      }
    );
  };

  const take: LocalBucket["take"] = async (key, contentType, chunks, announced) => {
    checkObjectKey(key);
    const measured = measure(chunks, announced);
    const file = await blobs.store(key, measured.chunks).catch((error) => {
      throw unavailable(error);
    });
    const replaced = await group(() => {
      const before = find(key)?.file;
      put.run(key, file, contentType, measured.size(), measured.sha256());
      return before;
    });
    if (replaced !== undefined) await blobs.remove(replaced);
  };

  return {
    take,
    put: (key, { bytes, contentType }) => take(key, contentType, once(bytes), {}),
    get: (key) =>
      answered(async () => {
        const row = find(key);
        const bytes = row && (await blobs.read(row.file));
        return row && bytes && { bytes, contentType: row.head.contentType };
      }),
    head: (key) => answered(() => find(key)?.head),
    remove: async (key) => {
      const row = find(key);
      await group(() => remove.run(key));
      if (row) await blobs.remove(row.file);
    },
    list: (prefix, after = "") =>
      answered(() => {
        const rows = keys.all(prefix, behindPrefix(prefix) ?? "\u{10ffff}", after, PAGE + 1);
        const found = rows.slice(0, PAGE).map((row) => String(row["key"]));
        const last = found.at(-1);
        return rows.length > PAGE && last !== undefined ? { keys: found, next: last } : { keys: found };
      }),
    signUpload: async (upload) => {
      checkObjectKey(upload.key);
      checkLinkSeconds(upload.seconds);
      return links.upload(upload);
    },
    signDownload: async (download) => {
      checkObjectKey(download.key);
      checkLinkSeconds(download.seconds);
      return links.download(download);
    },
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Counts and hashes while the bytes pass, and breaks off as soon as they cannot be what was announced. */
function measure(chunks: AsyncIterable<Uint8Array>, announced: Announced) {
  const hash = createHash("sha256");
  let size = 0;
  let sha256 = "";
  const passed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      if (announced.size !== undefined && size > announced.size) throw tooLong();
      hash.update(chunk);
      yield chunk;
    }
    sha256 = hash.digest("hex");
    if (announced.size !== undefined && size < announced.size) throw tooShort();
    if (announced.sha256 !== undefined && sha256 !== announced.sha256) throw otherBytes();
  };
  return { chunks: passed(), size: () => size, sha256: () => sha256 };
}

const tooLong = (): AppError =>
  new AppError("too-large", "UPLOAD_SIZE", { zh: "文件比申报的大", en: "the file is larger than announced" });
const tooShort = (): AppError =>
  new AppError("malformed", "UPLOAD_SIZE", { zh: "文件比申报的小", en: "the file is smaller than announced" });
const otherBytes = (): AppError =>
  new AppError("malformed", "UPLOAD_CHECKSUM", {
    zh: "文件与申报的校验值不符",
    en: "the file does not have the announced checksum",
  });
