import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build, type Metafile } from "esbuild";

export const FUNCTIONS = readdirSync("functions").map((file) => basename(file, ".ts"));

/** CommonJS packages inside an ES module still ask for `require`. */
const REQUIRE = `import{createRequire as __require}from"node:module";const require=__require(import.meta.url);`;

/**
 * Bundles one function with everything it imports, the SDK's clients included: `index.mjs` and chunks that a dynamic
 * import loads on first use. Source maps lie beside them and stay out of the zip.
 */
export async function bundle(name: string, outRoot = "dist"): Promise<Metafile> {
  const outdir = join(outRoot, name);
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: { index: `functions/${name}.ts` },
    outdir,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    outExtension: { ".js": ".mjs" },
    chunkNames: "chunk-[hash]",
    minify: true,
    legalComments: "none",
    sourcemap: "external",
    banner: { js: REQUIRE },
    metafile: true,
    logLevel: "warning",
  });
  return metafile;
}

/** Packages that must never reach a function: the bot's 350 of them, and what only tests need. */
export function strangers(metafile: Metafile): string[] {
  return Object.keys(metafile.inputs).filter((path) =>
    /node_modules\/(wechaty|fauxqs|vitest)|^src\/bot\/|^tests\//.test(path),
  );
}
