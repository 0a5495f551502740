import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";

export const FUNCTIONS = readdirSync("functions").map((file) => basename(file, ".ts"));

/** CommonJS packages inside an ES module still ask for `require`. */
const REQUIRE = `import{createRequire as __require}from"node:module";const require=__require(import.meta.url);`;

/**
 * zod carries its messages in fifty languages, ours are our own (src/errors.ts); and only a namespace import lets the
 * bundler leave out the kinds of schema that nobody uses. Together 370 kB, half of what a worker loads.
 */
const leanZod: Plugin = {
  name: "lean-zod",
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace('import { z } from "zod";', 'import * as z from "zod";'),
      loader: "ts",
    }));
  },
};

/**
 * What a function behind a queue loads at once anyway stands in it, so that it is not cut into many small files along
 * the edges of what it never loads: the doors, which nobody knocks at there.
 */
const AT_ONCE = /import\("(#src\/(?:workers|platform\/aws\/platform|platform\/aws\/settings)\.ts)"\)/g;
const DOORS = 'import("#src/web/app.ts")';
const headless: Plugin = {
  name: "headless",
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/wiring\.ts$/ }, ({ path }) => {
      const imports: string[] = [];
      const source = readFileSync(path, "utf8").replace(
        AT_ONCE,
        (_, file: string) => `Promise.resolve(atOnce${imports.push(file)})`,
      );
      if (imports.length !== 3 || !source.includes(DOORS))
        throw new Error("src/wiring.ts loads its parts in another way");
      const statics = imports.map((file, i) => `import * as atOnce${i + 1} from "${file}";`);
      return { contents: [...statics, source.replace(DOORS, "Promise.reject()")].join("\n"), loader: "ts" };
    });
  },
};

/**
 * The bundler cuts a file wherever one of the late parts shares a module with what is loaded at once, and Node pays for
 * every file. So each late part imports all of that, which stands in memory by then: what every part has is one file.
 */
function inOneFile(entry: string): Plugin {
  const atOnce = [...readFileSync(entry, "utf8").matchAll(/^import .* from "(#src\/.+)";$/gm)].map(([, file]) => file);
  return {
    name: "in-one-file",
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /^(#src|\.)\/.*\.ts$/ }, async ({ path, kind, namespace, ...rest }) => {
        if (kind !== "dynamic-import") return undefined;
        const { path: late, errors } = await resolve(path, { ...rest, kind: "import-statement" });
        return errors.length > 0 ? { errors } : { path: late, namespace: "late" };
      });
      onLoad({ filter: /.*/, namespace: "late" }, ({ path }) => ({
        contents: [...atOnce.map((file) => `import "${file}";`), `export * from ${JSON.stringify(path)};`].join("\n"),
        resolveDir: process.cwd(),
      }));
    },
  };
}

/**
 * Bundles one function with everything it imports, the SDK's clients included: `index.mjs` and chunks that a dynamic
 * import loads on first use. Source maps lie beside them and stay out of the zip.
 */
export function bundle(name: string, outRoot = "dist"): Promise<Metafile> {
  const entry = `functions/${name}.ts`;
  return bundled(entry, join(outRoot, name), [], name === "api" ? [] : [headless, inOneFile(entry)]);
}

/** The one process of `npm start`, the same way; the bot's packages stay where they are installed. */
export function bundleProgram(outdir = "dist/program"): Promise<Metafile> {
  return bundled("src/main.ts", outdir, ["wechaty", "wechaty-puppet-mock"]);
}

/** Any entry, as the functions are bundled. */
export async function bundled(
  entry: string,
  outdir: string,
  external: string[],
  plugins: Plugin[] = [],
): Promise<Metafile> {
  rmSync(outdir, { recursive: true, force: true });
  const { metafile } = await build({
    entryPoints: { index: entry },
    external,
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
    plugins: [...plugins, leanZod],
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

/** Dynamic imports of CommonJS packages: bundled they lose their names, which Node itself would find. */
export function nameless({ inputs }: Metafile): string[] {
  return Object.entries(inputs).flatMap(([from, { imports }]) =>
    imports
      .filter(({ kind, path }) => kind === "dynamic-import" && inputs[path]?.format === "cjs")
      .map(({ path }) => `${from}: import("${path}")`),
  );
}
