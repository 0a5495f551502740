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

/** Only the API's document describes schemas in JSON Schema; a worker reads with them. */
const withoutJsonSchema: Plugin = {
  name: "without-json-schema",
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/core\/(json-schema-processors|to-json-schema)\.js$/ }, ({ path }) => {
      const names = [...readFileSync(path, "utf8").matchAll(/^export (?:function|const) (\w+)/gm)].map(
        ([, name]) => name,
      );
      const none = 'const none = () => { throw new Error("no JSON Schema in a worker"); };';
      return { contents: `${none} export { ${names.map((name) => `none as ${name}`).join(", ")}, none as process };` };
    });
  },
};

/**
 * What a program loads at once anyway (`atOnce`) stands in it, so that it is not cut into many small files along the
 * edges of src/wiring.ts; what it never loads (`never`) is left out.
 */
function wired({ atOnce, never = [] }: { atOnce: string[]; never?: string[] }): Plugin {
  return {
    name: "wired",
    setup({ onLoad }) {
      onLoad({ filter: /\/src\/wiring\.ts$/ }, ({ path }) => {
        const replaced = (source: string, file: string, by: string) => {
          const parts = source.split(`import("${file}")`);
          if (parts.length !== 2) throw new Error(`src/wiring.ts loads ${file} in another way`);
          return parts.join(by);
        };
        let source = readFileSync(path, "utf8");
        for (const file of never) source = replaced(source, file, "Promise.reject()");
        for (const [i, file] of atOnce.entries()) {
          source = replaced(source, file, `Promise.resolve(atOnce${i})`);
          source = `import * as atOnce${i} from "${file}";\n${source}`;
        }
        return { contents: source, loader: "ts" };
      });
    },
  };
}

/** Nobody knocks at the doors of a function behind a queue; what pushes waits for the first message. */
const headless = wired({
  atOnce: ["#src/workers.ts", "#src/platform/aws/platform.ts", "#src/platform/aws/settings.ts"],
  never: ["#src/web/app.ts"],
});
const withDoors = wired({
  atOnce: ["#src/channels/index.ts", "#src/channels/egress.ts", "#src/domain/deliveries/channel-memory.ts"],
});

/**
 * The bundler cuts a file wherever one of the late parts shares a module with what is loaded at once, and Node pays for
 * every file. So each late part imports all of that, which stands in memory by then: what every part has is one file.
 */
function inOneFile(entry: string): Plugin {
  const atOnce = [...readFileSync(entry, "utf8").matchAll(/^import (?:.* from )?"(#src\/.+)";$/gm)].map(
    ([, file]) => file,
  );
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
  return bundled(
    entry,
    join(outRoot, name),
    [],
    name === "api" ? [withDoors] : [headless, withoutJsonSchema, inOneFile(entry)],
  );
}

/** The one process of `npm start`, the same way; the bot's packages stay where they are installed. */
export function bundleProgram(outdir = "dist/program"): Promise<Metafile> {
  return bundled("src/main.ts", outdir, ["wechaty", "wechaty-puppet-mock"], [withDoors]);
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
