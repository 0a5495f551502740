import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { SignedUpload } from "#src/platform/bucket.ts";

/** Everything a link says, bound by its signature. `until` in seconds since 1970. */
export type Link =
  | { act: "upload"; key: string; contentType: string; size: number; sha256?: string; until: number }
  | { act: "download"; key: string; fileName: string; until: number };

type Said = Omit<Link & { act: "upload" }, "key"> | Omit<Link & { act: "download" }, "key">;

export type Links = {
  upload(upload: { key: string; contentType: string; size: number; sha256?: string; seconds: number }): SignedUpload;
  download(download: { key: string; fileName: string; seconds: number }): string;
  /** The link as it was signed; undefined when it was not, whatever was changed in it. */
  read(url: URL): Link | undefined;
};

export const OBJECTS = "/objects/";

export function signedLinks(deps: { secret: Uint8Array; baseUrl: () => string; now: () => Date }): Links {
  const { secret, baseUrl, now } = deps;
  const sign = (text: string): string => createHmac("sha256", secret).update(text).digest("base64url");
  const link = (key: string, rest: Said): string => {
    const said = Buffer.from(JSON.stringify(rest)).toString("base64url");
    return `${baseUrl()}${OBJECTS}${key}?link=${said}&signature=${sign(`${key}\n${said}`)}`;
  };
  const until = (seconds: number): number => Math.floor(now().getTime() / 1000) + seconds;
  return {
    upload: ({ key, seconds, ...bound }) => ({
      method: "PUT",
      url: link(key, { act: "upload", until: until(seconds), ...bound }),
      headers: { "content-type": bound.contentType },
      expiresAt: new Date(until(seconds) * 1000).toISOString(),
    }),
    download: ({ key, seconds, fileName }) => link(key, { act: "download", until: until(seconds), fileName }),
    read: (url) => {
      const key = url.pathname.slice(OBJECTS.length);
      const said = url.searchParams.get("link") ?? "";
      const given = Buffer.from(url.searchParams.get("signature") ?? "");
      const right = Buffer.from(sign(`${key}\n${said}`));
      if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined;
      return { key, ...JSON.parse(Buffer.from(said, "base64url").toString()) } as Link;
    },
  };
}

/** The secret of this data folder, made at its first start. */
export function linkSecret(sql: DatabaseSync): Uint8Array {
  sql.prepare("INSERT OR IGNORE INTO secrets (name, value) VALUES ('links', ?)").run(randomBytes(32));
  return sql.prepare("SELECT value FROM secrets WHERE name = 'links'").get()?.["value"] as Uint8Array;
}
