import type { z } from "zod";
import type { Report, ReturnReason } from "./annual-report.ts";
import { type StepDeps, type StepInput, takeStep } from "./step.ts";

export type ReturnInput = StepInput & { reason: string; fields?: z.infer<typeof ReturnReason>[] };

/** The registrar's formal check found faults: back to the unit; what the sponsor signed is void, it has to sign again. */
export function returnReport(deps: StepDeps, input: ReturnInput): Promise<Report> {
  const rule = { action: "return", roles: ["registrar" as const], from: ["filed" as const] };
  return takeStep(deps, input, rule, ({ report }, at) => {
    const { opinion: _voided, filedAt: _void, ...rest } = report;
    const returned = { by: "registrar" as const, reason: input.reason, fields: input.fields ?? [], at };
    return { report: { ...rest, state: "returned", returned }, reason: input.reason };
  });
}
