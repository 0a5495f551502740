import { createHash } from "node:crypto";
import type { S3Client, S3ClientConfig } from "@aws-sdk/client-s3";
import { AppError } from "#src/errors.ts";
import type { Bucket, ObjectHead } from "#src/platform/bucket.ts";
import { checkLinkSeconds, checkObjectKey } from "#src/platform/limits.ts";
import { unavailable } from "./retry.ts";

type S3 = typeof import("./s3.ts");

export type AwsBucketOptions = { client?: S3ClientConfig; bucketName: string; now: () => Date };

/** The bucket on S3. The SDK is loaded at the first call. */
export function awsBucket({ client: settings = {}, bucketName, now }: AwsBucketOptions): Bucket {
  let ready: Promise<{ s3: S3; client: S3Client }> | undefined;
  const load = async () => {
    const s3 = await import("./s3.ts");
    // A checksum of the SDK's own choice would become part of every signed link.
    const checksums = {
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    } as const;
    const requestHandler = { connectionTimeout: 1_000, requestTimeout: 30_000, throwOnRequestTimeout: true };
    return { s3, client: new s3.S3Client({ maxAttempts: 4, requestHandler, ...checksums, ...settings }) };
  };

  async function call<T>(key: string | undefined, run: (s3: S3, client: S3Client) => Promise<T>): Promise<T> {
    if (key !== undefined) checkObjectKey(key);
    ready ??= load();
    const { s3, client } = await ready;
    try {
      return await run(s3, client);
    } catch (error) {
      throw error instanceof AppError ? error : unavailable("S3", error);
    }
  }

  async function unlessMissing<T>(answer: Promise<T>): Promise<T | undefined> {
    return answer.catch((error: Error) => {
      const cause = error.cause as Error | undefined;
      if (/^(NoSuchKey|NotFound)$/.test(cause?.name ?? "")) return undefined;
      throw error;
    });
  }

  return {
    async put(key, { bytes, contentType }) {
      const ChecksumSHA256 = createHash("sha256").update(bytes).digest("base64");
      const object = { Bucket: bucketName, Key: key, Body: bytes, ContentType: contentType, ChecksumSHA256 };
      await call(key, (s3, client) => client.send(new s3.PutObjectCommand(object)));
    },

    get: (key) =>
      unlessMissing(
        call(key, async (s3, client) => {
          const { Body, ContentType } = await client.send(new s3.GetObjectCommand({ Bucket: bucketName, Key: key }));
          const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
          return { bytes, contentType: ContentType ?? "application/octet-stream" };
        }),
      ),

    head: (key) =>
      unlessMissing(
        call(key, async (s3, client): Promise<ObjectHead> => {
          const { ContentLength, ContentType, ChecksumSHA256 } = await client.send(
            new s3.HeadObjectCommand({ Bucket: bucketName, Key: key, ChecksumMode: "ENABLED" }),
          );
          return {
            size: ContentLength ?? 0,
            contentType: ContentType ?? "application/octet-stream",
            ...(ChecksumSHA256 ? { sha256: Buffer.from(ChecksumSHA256, "base64").toString("hex") } : {}),
          };
        }),
      ),

    async remove(key) {
      await call(key, (s3, client) => client.send(new s3.DeleteObjectCommand({ Bucket: bucketName, Key: key })));
    },

    async list(prefix, after) {
      const { Contents = [], IsTruncated } = await call(undefined, (s3, client) =>
        client.send(
          new s3.ListObjectsV2Command({ Bucket: bucketName, Prefix: prefix, MaxKeys: 1_000, StartAfter: after }),
        ),
      );
      const keys = Contents.flatMap(({ Key }) => Key ?? []);
      const next = IsTruncated ? keys.at(-1) : undefined;
      return next === undefined ? { keys } : { keys, next };
    },

    signUpload: ({ key, contentType, size, sha256, seconds }) =>
      call(key, async (s3, client) => {
        checkLinkSeconds(seconds);
        const checksum = sha256 && Buffer.from(sha256, "hex").toString("base64");
        const command = new s3.PutObjectCommand({
          Bucket: bucketName,
          Key: key,
          ContentType: contentType,
          ContentLength: size,
          ...(checksum ? { ChecksumSHA256: checksum } : {}),
        });
        const signingDate = now();
        const url = await s3.getSignedUrl(client, command, {
          expiresIn: seconds,
          signingDate,
          // Signed as headers, not moved into the query: S3 then refuses bytes that differ from what was announced.
          signableHeaders: new Set(["host", "content-type", "content-length", "x-amz-checksum-sha256"]),
          unhoistableHeaders: new Set(["x-amz-checksum-sha256"]),
        });
        return {
          method: "PUT",
          url,
          headers: {
            "content-type": contentType,
            "content-length": String(size),
            ...(checksum ? { "x-amz-checksum-sha256": checksum } : {}),
          },
          expiresAt: new Date(signingDate.getTime() + seconds * 1_000).toISOString(),
        };
      }),

    signDownload: ({ key, fileName, seconds }) =>
      call(key, async (s3, client) => {
        checkLinkSeconds(seconds);
        const command = new s3.GetObjectCommand({
          Bucket: bucketName,
          Key: key,
          ResponseContentDisposition: attachment(fileName),
          ResponseCacheControl: "private, no-store",
        });
        return s3.getSignedUrl(client, command, { expiresIn: seconds, signingDate: now() });
      }),
  };
}

/** RFC 6266: an ASCII stand-in for old readers, the true name by RFC 8187. */
function attachment(fileName: string): string {
  const plain = fileName.replace(/[^\w.-]/g, "_");
  const full = encodeURIComponent(fileName.toWellFormed()).replace(
    /['()*!]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${full}`;
}
