import { CHANNELS } from "#src/domain/deliveries/channel.ts";
import { queueFunction } from "#src/platform/aws/events.ts";
import "#src/domain/deliveries/send.ts";
import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env, { headless: true });

/** One queue per channel, named `…-deliver-<channel>`, and `…-deliver-late`: one chunk a message. */
export const handler = queueFunction((queueName) => {
  if (queueName.endsWith("-deliver-late")) return world.handlers.late;
  const channel = CHANNELS.find((name) => queueName.endsWith(`-deliver-${name}`));
  if (channel === undefined) throw new Error(`no channel has the queue ${queueName}`);
  return world.handlers.deliver[channel];
}, world.log);
