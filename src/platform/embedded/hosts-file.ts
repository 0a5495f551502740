import { readFileSync, statSync } from "node:fs";

const LOOK_MS = 5000;

/** The addresses that the machine's own table (`/etc/hosts`) has for a name, as it stands now; none where there is no such file. */
export function hostsFile(file = "/etc/hosts"): (host: string) => string[] {
  let table = new Map<string, string[]>();
  let changedAt = Number.NaN;
  let lookedAt = Number.NEGATIVE_INFINITY;

  function look(): void {
    if (performance.now() - lookedAt < LOOK_MS) return;
    lookedAt = performance.now();
    try {
      const { mtimeMs } = statSync(file);
      if (mtimeMs === changedAt) return;
      table = parse(readFileSync(file, "utf8"));
      changedAt = mtimeMs;
    } catch {
      table = new Map();
      changedAt = Number.NaN;
    }
  }

  return (host) => {
    look();
    return table.get(host) ?? [];
  };
}

/** hosts(5): an address and its names on each line. */
function parse(text: string): Map<string, string[]> {
  const table = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address, ...names] = (line.split("#", 1)[0] ?? "").trim().split(/\s+/);
    if (!address) continue;
    for (const name of names.map((name) => name.toLowerCase())) table.set(name, [...(table.get(name) ?? []), address]);
  }
  return table;
}
