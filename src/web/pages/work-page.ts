import { readForLedger } from "#src/domain/announcements/store.ts";
import type { WebDeps } from "#src/web/app.ts";
import { checkOrigin } from "#src/web/auth.ts";
import { actOnLedger, ledgerPage } from "./ledger-page.ts";
import type { Page } from "./page.ts";
import { staff } from "./sign-in.ts";
import type { View } from "./view.ts";

type At = { id: string; request: Request };

/** One announcement in the console: before it is published its rehearsal, afterwards its ledger. */
export async function workPage(deps: WebDeps, view: View, at: At & { query: URLSearchParams }): Promise<Page> {
  if (!(await isDraft(deps, at))) return ledgerPage(deps, view, at);
  return (await import("./rehearsal-page.ts")).rehearsalPage(deps, view, at);
}

/** A button of either page. Whoever presses "publish" twice finds the ledger. */
export async function actOnWork(
  deps: WebDeps,
  view: View,
  at: At & { form: URLSearchParams },
): Promise<Page | Response> {
  checkOrigin(at.request, deps.config);
  const decides = ["publish", "approve", "return"].includes(at.form.get("act") ?? "");
  if (!decides) return actOnLedger(deps, view, at);
  const { decide, toWork } = await import("./decide.ts");
  return (await isDraft(deps, at)) ? decide(deps, view, at) : toWork(view, at.id);
}

async function isDraft(deps: WebDeps, { id, request }: At): Promise<boolean> {
  const caller = await staff(deps, request, "editor", "reviewer");
  if (/^digest_/.test(id)) return false;
  return (await readForLedger(deps, caller, id)).state === "draft";
}
