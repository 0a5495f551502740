import { streamFunction } from "#src/platform/aws/events.ts";
import "#src/domain/deliveries/plan-fanout.ts";
import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env, { headless: true });

/** The table's stream: changes that carry `feed`, in order. */
export const handler = streamFunction(world.handlers.dispatch, world.log);
