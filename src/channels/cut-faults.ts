import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { InputError } from "#src/errors.ts";

/**
 * What a short message loses of what was approved: told when a text is saved and rehearsed, before anything is sent. The
 * beginning of a body that stands for a missing summary loses nothing: nobody wrote it to be shown whole.
 */
export function cutFaults({ reason, content }: Revision, lost: { title: boolean; words: boolean }): InputError[] {
  const faults: InputError[] = [];
  if (lost.title) faults.push({ pointer: "/title", code: "CHANNEL_TITLE_LONG", detail: TITLE });
  if (lost.words && reason) faults.push({ pointer: "/reason", code: "CHANNEL_SUMMARY_LONG", detail: REASON });
  else if (lost.words && content.summary)
    faults.push({ pointer: "/summary", code: "CHANNEL_SUMMARY_LONG", detail: SUMMARY });
  return faults;
}

const TITLE = {
  zh: "标题超出该渠道的上限，将被截断",
  en: "the title is longer than this channel takes and will be cut",
};

export const SUMMARY = {
  zh: "摘要超出该渠道的上限，将被截断",
  en: "the summary is longer than this channel takes and will be cut",
};

const REASON = {
  zh: "说明超出该渠道的上限，将被截断",
  en: "the reason is longer than this channel takes and will be cut",
};
