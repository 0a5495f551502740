import { readFileSync } from "node:fs";

// The least that Linux distributions give a service.
const USUAL = 4096;

/** How many files and connections this process may have open at once (Node has raised it as far as it may); 4,096 where nothing says. */
export function openFiles(limitsFile = "/proc/self/limits"): number {
  try {
    const most = /^Max open files\s+(\S+)/m.exec(readFileSync(limitsFile, "utf8"))?.[1];
    if (most === "unlimited") return Number.POSITIVE_INFINITY;
    return Number(most) || USUAL;
  } catch {
    return USUAL;
  }
}
