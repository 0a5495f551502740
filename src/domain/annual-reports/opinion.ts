import type { InputError } from "#src/errors.ts";
import type { SignedOpinion, SponsorOpinion } from "./annual-report.ts";
import { unacceptable } from "./step.ts";

/** Signs an opinion on exactly these bytes; one that does not state all three things is no approval (422). */
export function signed(opinion: SponsorOpinion, on: { contentHash: string; by: string; at: string }): SignedOpinion {
  const errors: InputError[] = (["truthful", "confidentialityChecked", "mayPublish"] as const)
    .filter((statement) => !opinion[statement])
    .map((statement) => {
      const detail = {
        zh: "未作此项声明不能通过，可退回",
        en: "without this statement there is no approval; return it",
      };
      return { pointer: `/opinion/${statement}`, code: "SPONSOR_OPINION", detail };
    });
  if (errors.length > 0) throw unacceptable(errors);
  return { ...opinion, ...on };
}
