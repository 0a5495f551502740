import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncFolder } from "./database.ts";

/** Bytes under names of its own making; which object a name belongs to stands in the database. */
export type Blobs = {
  /** Answers the new name once the bytes are durable. What `chunks` throws is thrown on, and nothing stays behind. */
  store(key: string, chunks: AsyncIterable<Uint8Array>): Promise<string>;
  /** Undefined when the file is gone: in a copy of the folder, or removed a moment ago. */
  read(name: string): Promise<Uint8Array | undefined>;
  remove(name: string): Promise<void>;
};

export function memoryBlobs(): Blobs {
  const blobs = new Map<string, Uint8Array>();
  return {
    store: async (key, chunks) => {
      const name = `${key}/~${randomBytes(8).toString("hex")}`;
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk);
      blobs.set(name, new Uint8Array(Buffer.concat(parts)));
      return name;
    },
    read: async (name) => blobs.get(name),
    remove: async (name) => {
      blobs.delete(name);
    },
  };
}

/** `root` belongs to this process alone; keys were checked, so no name leaves it. */
export function folderBlobs(root: string): Blobs {
  const unfinished = join(root, "~unfinished");
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  syncFolder(root);
  return {
    store: async (key, chunks) => {
      const random = randomBytes(8).toString("hex");
      const temporary = join(unfinished, random);
      const name = `${key}/~${random}`;
      try {
        await writeDurably(temporary, chunks);
        await mkdir(join(root, key), { recursive: true });
        await rename(temporary, join(root, name));
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      for (let folder = join(root, key); folder.length >= root.length; folder = dirname(folder)) syncFolder(folder);
      return name;
    },
    read: async (name) => {
      const bytes = await readFile(join(root, name)).catch(absent);
      return bytes && new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    remove: async (name) => {
      await rm(join(root, name), { force: true });
      await rmdir(dirname(join(root, name))).catch(() => {});
    },
  };
}

async function writeDurably(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx");
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
