import { z } from "zod";
import { NewCase } from "#src/domain/cases/case.ts";
import { caseStatus } from "#src/domain/cases/status.ts";
import { submit } from "#src/domain/cases/submit.ts";
import type { PlainDeps } from "./deps.ts";
import { once } from "./once.ts";
import { type Route, route } from "./route.ts";

const Upload = z.object({
  name: z.string(),
  method: z.literal("PUT"),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  expiresAt: z.string(),
});
const SubmittedCase = z
  .object({
    id: z.string(),
    receipt: z.object({ number: z.string(), secret: z.string().optional() }),
    uploads: z.array(Upload),
    dueAt: z.string(),
  })
  .meta({ id: "SubmittedCase" });
type SubmittedCase = z.infer<typeof SubmittedCase>;

const Receipt = z.strictObject({ number: z.string().max(100), secret: z.string().max(200) }).meta({ id: "Receipt" });
const CaseStatus = z
  .object({
    number: z.string(),
    type: NewCase.shape.type,
    title: z.string(),
    state: z.literal("received"),
    receivedAt: z.string(),
    dueAt: z.string(),
    provisional: z.boolean(),
    history: z.array(z.object({ state: z.literal("received"), at: z.string() })),
    attachments: z.array(z.object({ name: z.string(), state: z.enum(["expected", "received", "refused"]) })),
  })
  .meta({ id: "CaseStatus" });

export function caseRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "post",
        path: "/cases",
        who: "public",
        tag: "cases",
        summary: { zh: "提交事项，得到回执", en: "Send in a case; the answer is its receipt" },
        body: NewCase.meta({ id: "NewCase" }),
        bodyLimit: 128 * 1024,
        creates: true,
        answers: { 201: SubmittedCase },
      },
      (call) =>
        once(
          deps,
          call,
          (commit) => submit({ ...deps, commit }, call.body),
          (body) => ({ status: 201, body }),
          { hide: ({ receipt, ...rest }: SubmittedCase) => ({ ...rest, receipt: { number: receipt.number } }) },
        ),
    ),
    route(
      {
        method: "post",
        path: "/cases/status",
        who: "public",
        tag: "cases",
        summary: { zh: "凭回执查询事项", en: "Follow a case with its receipt" },
        body: Receipt,
        limit: "guesses",
        answers: { 200: CaseStatus },
      },
      async ({ body }) => ({ status: 200, body: await caseStatus(deps, body) }),
    ),
  ];
}
