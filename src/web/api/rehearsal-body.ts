import { z } from "zod";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Channel, Links } from "#src/domain/deliveries/channel.ts";
import type { RehearsedChannel } from "#src/domain/deliveries/rehearse.ts";
import { type ShownText, shownTexts } from "#src/domain/deliveries/shown-text.ts";
import type { Warning } from "#src/domain/deliveries/warnings.ts";
import { type Language, say } from "#src/text.ts";

const number = z.number();
const because = z.enum(["rate", "quota", "configuration"]);
const FaultBody = z.object({ pointer: z.string(), code: z.string(), detail: z.string() });

/** What a writer is told beside a text that was taken: nothing is refused for it. */
export const WarningBody = FaultBody.extend({ channel: z.string() }).meta({ id: "ChannelWarning" });

export const RehearsalBody = z
  .object({
    audience: number,
    /** Test endpoints of the operator's own: they get it as well and are not in `audience`. */
    canaries: number,
    estimated: z.boolean(),
    text: z.object({ title: z.string(), summary: z.string(), url: z.string() }),
    contentHash: z.string(),
    channels: z.record(
      z.string(),
      z.object({
        endpoints: number,
        /** Test endpoints of the operator's own, not among `endpoints`. */
        canaries: number,
        held: number,
        /** They stand in for a first choice that gets it as well, and get it only when that one did not in time. */
        fallbacks: number,
        drainSeconds: number,
        lastAt: z.string(),
        quotaLeft: number.nullable(),
        quotaResetsAt: z.string().optional(),
        ready: z.boolean(),
        paused: z.object({ because, until: z.string() }).optional(),
        texts: z.array(
          z.object({
            language: z.enum(["zh-CN", "en"]),
            text: z.string(),
            bytes: number,
            limit: number,
            /** There where only a summary of so many characters goes out, with a link to the text. */
            summaryCharacters: number.optional(),
            faults: z.array(FaultBody),
          }),
        ),
      }),
    ),
  })
  .meta({ id: "Rehearsal" });

/** One channel of a rehearsal, with the exact texts that its readers will see; messages in the caller's language. */
export async function rehearsedBody(
  channel: Channel,
  { languages, ...rest }: RehearsedChannel,
  revision: Revision,
  links: Links,
  language: Language,
) {
  const shown = languages.length > 0 ? languages : [revision.content.language];
  const texts = await shownTexts(channel, revision, shown, links);
  return { ...rest, texts: texts.map((text) => textBody(text, language)) };
}

function textBody({ faults, ...text }: ShownText, readers: Language) {
  const shown = faults.map(({ pointer, code, detail }) => ({ pointer, code, detail: say(detail, readers) }));
  return { ...text, faults: shown };
}

export function warningBody({ channel, pointer, code, detail }: Warning, language: Language) {
  return { channel, pointer, code, detail: say(detail, language) };
}
