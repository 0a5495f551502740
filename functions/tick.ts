import "#src/domain/announcements/index-words.ts";
import "#src/domain/announcements/publish-due.ts";
import "#src/domain/cases/attachments.ts";
import "#src/domain/deliveries/sweep.ts";
import "#src/domain/deliveries/weekly-look.ts";
import { onAws } from "#src/wiring.ts";

const world = await onAws(process.env, { headless: true });

/** Every minute: what is due. */
export const handler = async (): Promise<void> => world.handlers.tick();
