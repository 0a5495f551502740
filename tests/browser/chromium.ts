import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, chromium } from "playwright-core";

const ARGUMENTS = ["--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage"];

/**
 * The browser that ships inside @sparticuz/chromium, unpacked once a machine; where system libraries are missing, with
 * those that the package brings along. `CHROMIUM` names another one.
 */
export async function launchBrowser(): Promise<Browser> {
  const named = process.env["CHROMIUM"];
  if (named) return chromium.launch({ executablePath: named, args: ARGUMENTS });
  const home = await unpacked();
  const start = (libraries: Record<string, string>) =>
    chromium.launch({
      executablePath: join(home, "chromium"),
      args: ARGUMENTS,
      env: { ...(process.env as Record<string, string>), ...libraries },
    });
  return start({}).catch(() =>
    start({ LD_LIBRARY_PATH: join(home, "al2023", "lib"), FONTCONFIG_PATH: join(home, "fonts") }),
  );
}

async function unpacked(): Promise<string> {
  const home = join(tmpdir(), "gaoshi-test-chromium");
  if (existsSync(join(home, "chromium"))) return home;
  const before = { TMPDIR: process.env["TMPDIR"], LD_LIBRARY_PATH: process.env["LD_LIBRARY_PATH"] };
  const work = mkdtempSync(join(tmpdir(), "gaoshi-unpack-"));
  process.env["TMPDIR"] = work; // the package unpacks into the temporary folder …
  process.env["AWS_LAMBDA_JS_RUNTIME"] = "nodejs24.x"; // … and its libraries only where it takes itself to be on Lambda
  try {
    const { default: packaged } = await import("@sparticuz/chromium");
    await packaged.executablePath();
  } finally {
    delete process.env["AWS_LAMBDA_JS_RUNTIME"];
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  }
  try {
    renameSync(work, home);
  } catch {
    rmSync(work, { recursive: true, force: true }); // somebody else was first
  }
  return home;
}
