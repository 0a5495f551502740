import { enableCompileCache } from "node:module";

// The second start reads compiled code instead of compiling it.
enableCompileCache();
// A push's body is a small buffer: of a slab of 8 KB only five can be made.
Buffer.poolSize = 64 * 1024;
const { start } = await import("#src/start.ts");
await start();
