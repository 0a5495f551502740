import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env, { headless: true });

/** Every minute: what is due. */
export const handler = async (): Promise<void> => world.handlers.tick();
