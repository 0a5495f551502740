import { readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { build, type Metafile, type Plugin } from "esbuild";
import { LEAN, withoutJsonSchema } from "./lean.ts";

export const FUNCTIONS = readdirSync("functions").map((file) => basename(file, ".ts"));

/** CommonJS packages inside an ES module still ask for `require`, of what Node has built in. */
const REQUIRE = "const require=process.getBuiltinModule;";

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

/** What pushes and what it stands on, loaded together. */
const PUSHES = ["#src/channels/index.ts", "#src/channels/egress.ts", "#src/domain/deliveries/channel-memory.ts"];

const AWS = ["#src/platform/aws/platform.ts", "#src/platform/aws/settings.ts"];
const ONE_FOLDER = ["#src/platform/embedded/platform.ts", "#src/web/client-address.ts"];

/** Nobody knocks at the doors of a function behind a queue; what pushes waits for the first message. */
const headless = wired({ atOnce: ["#src/workers.ts", ...AWS], never: ["#src/web/app.ts", ...ONE_FOLDER] });

/** The doors on AWS, where nobody calls a worker of theirs. */
const doors = wired({ atOnce: ["#src/web/app.ts", ...AWS], never: ["#src/workers.ts", ...ONE_FOLDER] });

/** One process for everything: what pushes is needed soon, and its start is no faster without. */
const program = wired({ atOnce: PUSHES });

/** What the first report needs: most other calls need most of it. */
const REPORT = ["#src/web/api/door.ts", "#src/web/api/cases.ts", "#src/web/api/case-desk.ts"];

/**
 * The bundler cuts a file wherever one of the late parts shares a module with what is loaded at once, and Node pays for
 * every file. So each late part imports what stands in memory by then: what every part has is one file. That is what the
 * function loads at once (`entry`) and what it needs `first`; before the other parts of channels, all channels; and before
 * other clients of the SDK and its sources of credentials, the table's client.
 */
function inFewFiles(entry: string, first: string[] = []): Plugin {
  const imports = readFileSync(entry, "utf8").matchAll(/^import (?:.* from )?"(#src\/.+)";$/gm);
  const atOnce = [...imports].map(([, file = ""]) => file);
  const before = (path: string): string[] => {
    if (/\/node_modules\/@(aws-sdk|smithy)\/|\/platform\/aws\/(dynamo|sqs|s3|ses)\.ts$/.test(path))
      return ["#src/platform/aws/dynamo.ts"];
    if (/\/src\/channels\/|\/(channel-memory|keep-push-key)\.ts$/.test(path)) return [...atOnce, ...first, ...PUSHES];
    return [...atOnce, ...first];
  };
  return {
    name: "in-few-files",
    setup({ onResolve, onLoad, resolve }) {
      onResolve({ filter: /^(@aws-sdk|@smithy|#src|\.)/ }, async ({ path, kind, namespace, ...rest }) => {
        if (kind !== "dynamic-import") return undefined;
        const { path: late, errors } = await resolve(path, { ...rest, kind: "import-statement" });
        if (errors.length > 0) return { errors };
        return before(late).length > 0 ? { path: late, namespace: "late" } : { path: late };
      });
      onLoad({ filter: /.*/, namespace: "late" }, ({ path }) => ({
        contents: [...before(path).map((file) => `import "${file}";`), `export * from ${JSON.stringify(path)};`].join(
          "\n",
        ),
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
    [
      ...(name === "api" ? [doors, inFewFiles(entry, REPORT)] : [headless, withoutJsonSchema, inFewFiles(entry)]),
      ...LEAN,
    ],
  );
}

/** The one process of `npm start`, the same way; the bot's packages stay where they are installed. */
export function bundleProgram(outdir = "dist/program"): Promise<Metafile> {
  return bundled("src/main.ts", outdir, ["wechaty", "wechaty-puppet-mock"], [program, ...LEAN]);
}

/** Any entry, as the functions are bundled. */
export async function bundled(entry: string, outdir: string, external: string[], plugins: Plugin[]): Promise<Metafile> {
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
    plugins,
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
