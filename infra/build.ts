import { bundleProgram } from "./bundle.ts";

await bundleProgram();
