import type { PlainDeps } from "./deps.ts";
import { documentOf } from "./document.ts";
import { apiRoutes } from "./routes.ts";

/** `npm run openapi`: the document as it is committed. Routes are only described here, so they need nothing to work with. */
const version = process.env["npm_package_version"] ?? "";
const document = documentOf(await apiRoutes({ channels: async () => ({}) } as PlainDeps), { version, server: "/" });
process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
