import { handle } from "hono/aws-lambda";
import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env);

/** API Gateway HTTP API, payload 2.0: every route of the one Hono app. */
export const handler = handle(world.app as Parameters<typeof handle>[0]);
