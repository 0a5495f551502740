import { sha256 } from "#src/ids.ts";
import type { Log } from "#src/log.ts";
import type { Bucket, StoredObject } from "#src/platform/bucket.ts";
import { type DeclaredAttachment, sniffedType } from "./attachment.ts";
import type { Case } from "./case.ts";
import type { Reads } from "./store.ts";

const UPLOADS = "case-uploads/";

/** Where the reporter's signed link leads. What lies here is seen by nobody. */
export function uploadKey(number: string, n: number): string {
  return `${UPLOADS}${number}/${n}`;
}

/** Where a checked attachment lies; no link to upload leads here, so it stays what was checked. */
export function admittedKey(number: string, n: number): string {
  return `case-files/${number}/${n}`;
}

function refusedKey(number: string, n: number): string {
  return `case-refused/${number}/${n}`;
}

export type AttachmentState = "expected" | "received" | "refused";

export async function attachmentStates(
  deps: { bucket: Bucket },
  { number, attachments = [] }: Pick<Case, "number" | "attachments">,
): Promise<{ name: string; state: AttachmentState }[]> {
  return Promise.all(
    attachments.map(async ({ name }, n) => {
      const [admitted, refused] = await Promise.all([
        deps.bucket.head(admittedKey(number, n)),
        deps.bucket.head(refusedKey(number, n)),
      ]);
      return { name, state: admitted ? "received" : refused ? "refused" : "expected" } as const;
    }),
  );
}

/** Whether a file is what was announced, by its size, checksum and first bytes. */
export function isAsDeclared(declared: DeclaredAttachment | undefined, { bytes }: StoredObject): boolean {
  return (
    declared !== undefined &&
    bytes.byteLength === declared.size &&
    sniffedType(bytes) === declared.type &&
    (declared.sha256 === undefined || sha256(bytes) === declared.sha256)
  );
}

type Deps = Reads & { bucket: Bucket; log: Log };

/**
 * Looks at what was uploaded since the last run and admits or refuses each file once; the first one admitted stays.
 * Answers how many were looked at. May run twice at any point.
 */
export async function admitUploads(deps: Deps): Promise<number> {
  const { keys } = await deps.bucket.list(UPLOADS);
  for (const key of keys) {
    const [number = "", n = ""] = key.slice(UPLOADS.length).split("/");
    await settle(deps, key, number, Number(n));
  }
  return keys.length;
}

async function settle(deps: Deps, key: string, number: string, n: number): Promise<void> {
  const { readCase } = await import("./store.ts");
  const [stored, object, admitted] = await Promise.all([
    readCase(deps, number),
    deps.bucket.get(key),
    deps.bucket.head(admittedKey(number, n)),
  ]);
  const declared = stored?.attachments?.[n];
  if (object && !admitted) {
    const fits = isAsDeclared(declared, object);
    if (fits && declared)
      await deps.bucket.put(admittedKey(number, n), { bytes: object.bytes, contentType: declared.type });
    else await deps.bucket.put(refusedKey(number, n), { bytes: new Uint8Array(), contentType: "text/plain" });
    deps.log.info("attachment.checked", { case: number, attachment: n, admitted: fits });
  }
  await deps.bucket.remove(key);
}
