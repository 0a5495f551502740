import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { join } from "node:path";
import type { Plugin } from "esbuild";

/**
 * What Node has built in is asked for by name. `import` of it makes a module of all its parts first, the lazy ones too:
 * 40 ms of CPU for `node:http`, which has a WebSocket among them, 5 for `node:process` and `node:util`, 3 for `node:fs`.
 * Each file asks for itself, or what many share would become a file of its own.
 */
const builtIns: Plugin = {
  name: "built-ins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:)?(${builtinModules.join("|")})$`) }, ({ path, kind, importer }) =>
      kind === "import-statement" ? { path: `${importer}:${path}`, namespace: "built-in" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "built-in" }, ({ path }) => {
      const name = path.replace(/^.*:/, "node:");
      const parts = Object.keys(process.getBuiltinModule(name) ?? {}).filter((part) => part !== "default");
      return {
        contents: [
          `const all = /* @__PURE__ */ process.getBuiltinModule("${name}");`,
          "const part = (name) => all[name];",
          "export { all as default };",
          ...parts.map((part) => `export const ${part} = /* @__PURE__ */ part("${part}");`),
        ].join("\n"),
      };
    });
  },
};

/**
 * zod carries its messages in fifty languages, ours are our own (src/errors.ts); only a namespace import lets the bundler
 * leave out the kinds of schema that nobody uses, and only without the methods that nobody calls are most of them unused.
 * What is read was JSON, so the guard against circular values goes, too, as in zod/mini. Together 410 kB, half of what a worker loads.
 */
const leanZod: Plugin = {
  name: "lean-zod",
  setup({ onLoad }) {
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: 'export { default as en } from "./en.js";',
    }));
    onLoad({ filter: /zod\/v4\/classic\/schemas\.js$/ }, ({ path }) => ({ contents: calledOnly(path) }));
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replace('import { z } from "zod";', 'import * as z from "zod";'),
      loader: "ts",
    }));
  },
};

/** zod's kinds of schema without the methods whose names neither we nor these kinds call: each would keep other kinds alive. */
function calledOnly(path: string): string {
  const source = readFileSync(path, "utf8");
  const ours = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const called = new Set(
    [
      ...ours.map((file) => readFileSync(join("src", file), "utf8")),
      source.replace(/\b(checks|core|parse|util)\.\w+/g, ""),
    ]
      .flatMap((text) => [...text.matchAll(/\.(\w+)\b/g)])
      .map(([, name = ""]) => name),
  );
  let left = 0;
  const memoizer = "core.config({ memoizer: core.memoizer() });";
  if (!source.includes(memoizer)) throw new Error(`${path} guards against circular values in another way`);
  const lean = source
    .replace(memoizer, "{}")
    .replace(/^ {4}(?:\w+: )?(?:async )?(?:function )?(\w+)\([^\n]*\) \{\n(?: {8}.*\n)+ {4}\},\n/gm, (whole, name) => {
      if (called.has(name.replace(/^_/, ""))) return whole;
      left++;
      return "";
    });
  if (left < 30) throw new Error(`${path} is written in another way: only ${left} methods found that nobody calls`);
  return lean;
}

/**
 * Of undici only what pushes (src/channels/undici.ts), without HTTP/2, which src/channels/outgoing.ts turns off: 60 of the
 * 90 ms of CPU that it takes to load, and no other parser beside the one that Node uses itself, which knows undici bundled so.
 */
const leanUndici: Plugin = {
  name: "lean-undici",
  setup({ initialOptions, onLoad }) {
    initialOptions.define = { ...initialOptions.define, esbuildDetection: "1" };
    onLoad({ filter: /undici\/index\.js$/ }, () => ({
      contents: [
        'exports.Agent = require("./lib/dispatcher/agent");',
        'exports.buildConnector = require("./lib/core/connect");',
        'exports.Pool = require("./lib/dispatcher/pool");',
      ].join("\n"),
    }));
    onLoad({ filter: /undici\/lib\/dispatcher\/client-h2\.js$/ }, () => ({
      contents: 'module.exports = () => { throw new Error("HTTP/2 is not in this bundle"); };',
    }));
  },
};

/** What every bundle does without. */
export const LEAN = [leanZod, leanUndici, builtIns];

/** Only the API's document describes schemas in JSON Schema; a worker reads with them. */
export const withoutJsonSchema: Plugin = {
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
