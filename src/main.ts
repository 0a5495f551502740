import { enableCompileCache } from "node:module";

// The second start reads compiled code instead of compiling it.
enableCompileCache();
const { start } = await import("#src/start.ts");
await start();
