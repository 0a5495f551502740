import { queueFunction } from "#src/platform/aws/events.ts";
import "#src/domain/deliveries/fan-out.ts";
import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env, { headless: true });

/** The fan-out queue: one range of shards of one revision a message. */
export const handler = queueFunction(() => world.handlers.fanout, world.log);
