import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { bundle, FUNCTIONS, nameless, strangers } from "./bundle.ts";

const ZIP_BYTES = 1_500_000;
const kb = (bytes: number): string => `${Math.round(bytes / 1_000)} kB`.padStart(8);

for (const name of FUNCTIONS) {
  const metafile = await bundle(name);
  const found = [...strangers(metafile), ...nameless(metafile)];
  if (found.length > 0) throw new Error(`${name} must not reach ${found.slice(0, 5).join(", ")}`);
}

// Needs no account and no network; `aws` variables are left out so that nothing could be looked up by mistake.
const env = { ...process.env, SLS_TELEMETRY_DISABLED: "1", AWS_EC2_METADATA_DISABLED: "true" };
const osls = ["node_modules/osls/bin/serverless.js", "package", ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, osls, { stdio: "inherit", env });
if (status !== 0) process.exit(status ?? 1);

for (const name of FUNCTIONS) {
  const { size } = statSync(`.serverless/${name}.zip`);
  console.log(`${name.padEnd(10)}${kb(size)} zipped`);
  if (size > ZIP_BYTES) throw new Error(`${name}.zip is over ${kb(ZIP_BYTES)}`);
}
