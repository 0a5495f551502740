/** The bucket: objects under keys made of our own ids, `/`-separated; large bytes never pass through a function. */

export type StoredObject = { bytes: Uint8Array; contentType: string };

export type ObjectHead = { size: number; contentType: string; sha256?: string };

/** Where and how a stranger sends bytes: exactly this many, of this type, with this checksum if one was named. */
export type SignedUpload = { method: "PUT"; url: string; headers: Record<string, string>; expiresAt: string };

export type Bucket = {
  put(key: string, object: StoredObject): Promise<void>;
  get(key: string): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectHead | undefined>;
  remove(key: string): Promise<void>;
  /** Keys under a prefix, in order, at most 1,000; `next` continues. */
  list(prefix: string, after?: string): Promise<{ keys: string[]; next?: string }>;
  /** `size` in bytes; `sha256` hex; the link lives `seconds` (60 to 86,400). */
  signUpload(upload: {
    key: string;
    contentType: string;
    size: number;
    sha256?: string;
    seconds: number;
  }): Promise<SignedUpload>;
  /** A link that serves the object as an attachment under `fileName`, never inline. */
  signDownload(download: { key: string; fileName: string; seconds: number }): Promise<string>;
};
