import { queueFunction } from "#src/platform/aws/events.ts";
import "#src/domain/deliveries/fan-out.ts";
import "#src/domain/deliveries/send.ts";
import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env, { headless: true });

/** The queue `urgent`: ranges and chunks of texts that nothing routine may keep waiting. */
export const handler = queueFunction(() => world.handlers.urgent, world.log);
