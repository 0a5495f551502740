import { readForLedger } from "#src/domain/announcements/store.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin } from "#src/web/auth.ts";
import { actOnLedger } from "./ledger-acts.ts";
import { ledgerPage } from "./ledger-page.ts";
import type { Page } from "./page.ts";
import { staff } from "./sign-in.ts";
import type { View } from "./view.ts";

type At = { id: string; request: Request };

/** One announcement in the console: before it is published its rehearsal, afterwards its ledger, and with `work` the correction in work. */
export async function workPage(deps: WebDeps, view: View, at: At & { query: URLSearchParams }): Promise<Page> {
  const work = await workOf(deps, at);
  if (!work || (work === "correction" && !at.query.has("work"))) return ledgerPage(deps, view, at);
  return (await import("./rehearsal-page.ts")).rehearsalPage(deps, view, at);
}

const DECISIONS = ["publish", "correct", "approve", "return"];

/** A button of either page. Whoever presses "publish" twice finds the ledger. */
export async function actOnWork(
  deps: WebDeps,
  view: View,
  at: At & { form: URLSearchParams },
): Promise<Page | Response> {
  checkOrigin(at.request, deps.config);
  const act = at.form.get("act") ?? "";
  if (!DECISIONS.includes(act)) return actOnLedger(deps, view, at);
  const { decide, toWork } = await import("./decide.ts");
  const work = await workOf(deps, at);
  const isPast = work === "correction" ? act === "publish" : work === undefined || act === "correct";
  return isPast ? toWork(view, { id: at.id, revision: 0 }) : decide(deps, view, at);
}

/** The text of it that is in work, if there is one. */
async function workOf(deps: WebDeps, { id, request }: At): Promise<"draft" | "correction" | undefined> {
  const caller = await staff(deps, request, "editor", "reviewer");
  if (/^digest_/.test(id)) return undefined;
  const { state, work } = await readForLedger(deps, caller, id);
  if (state === "draft") return "draft";
  return work ? "correction" : undefined;
}
