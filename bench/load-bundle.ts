// Loads the bundles it is given, in one process of their own; prints the CPU milliseconds of that and of the first call.
const bundles = process.argv.slice(2);
const path = process.env["BENCH_FIRST"];
const begun = process.cpuUsage();
const used = (): number => {
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
};

type Handler = (event: unknown, context: unknown) => Promise<{ statusCode: number; body: string }>;
let handler: Handler | undefined;
for (const bundle of bundles) handler = ((await import(bundle)) as { handler?: Handler }).handler;
const loaded = used();
if (path !== undefined) {
  const answer = await handler?.(
    {
      version: "2.0",
      rawPath: path,
      rawQueryString: "",
      headers: { host: "bench.example", "content-type": "application/json" },
      requestContext: { http: { method: "POST", path, sourceIp: "127.0.0.1" }, domainName: "bench.example" },
      body: JSON.stringify({
        type: "suggestion",
        title: "测试事项",
        description: "请核实。".repeat(150),
        publish: false,
      }),
      isBase64Encoded: false,
    },
    {},
  );
  if (answer?.statusCode !== 201) throw new Error(`${bundles}: ${answer?.statusCode} ${answer?.body}`);
}
console.log(`\n${JSON.stringify({ loaded, answered: used() })}`);
process.exit(0);
