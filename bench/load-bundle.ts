// Loads the modules it is given, in one process of their own; prints the CPU milliseconds of that and of the call with the event in BENCH_FIRST.
// By name, not imported: what the loader has loaded would be no cost of theirs.
const { readFileSync } = process.getBuiltinModule("node:fs");

const modules = process.argv.slice(2);
const first = process.env["BENCH_FIRST"];
const event: unknown = first === undefined ? undefined : JSON.parse(readFileSync(first, "utf8"));
const begun = process.cpuUsage();
const used = (): number => {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
};

type Answer = { statusCode?: number; body?: string; batchItemFailures?: unknown[] } | undefined;
type Handler = (event: unknown, context: unknown) => Promise<Answer>;
let handler: Handler | undefined;
for (const module of modules) {
  const loaded = (await import(module)) as { handler?: Handler };
  handler ??= loaded.handler;
}
if (event !== undefined) {
  const answer = await handler?.(event, {});
  if ((answer?.statusCode ?? 201) !== 201 || (answer?.batchItemFailures?.length ?? 0) > 0)
    throw new Error(`${modules}: ${JSON.stringify(answer)}`);
}
console.log(`\n${used()}`);
process.exit(0);
