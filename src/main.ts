import { enableCompileCache } from "node:module";

enableCompileCache();
const { start } = await import("#src/start.ts");
await start();
