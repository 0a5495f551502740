// node bench/starts.ts [rounds] [function …]: the part `bundle` of npm run bench for some functions alone.
import { startsOfFunctions } from "./bundles.ts";

const [rounds = "8", ...names] = process.argv.slice(2);
for (const { what, ours, floor } of await startsOfFunctions(Number(rounds), names.length > 0 ? names : undefined))
  console.log(`${what}: ${ours.toFixed(1)} ms, floor ${floor.toFixed(1)}, ${(ours / floor).toFixed(2)}`);
