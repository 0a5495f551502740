import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Web Content Accessibility Guidelines 2.0 to 2.2, levels A and AA. */
export const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

type Found = { id: string; nodes: { html: string; failureSummary: string }[] };
type Results = { passes: unknown[]; violations: Found[] };

/** What axe finds wrong with a page, each with where; `tags`: by the rules of these standards only. A page that no rule met is no page. */
export async function violations(page: Page, tags?: string[]): Promise<string[]> {
  await page.evaluate(AXE);
  const { passes, violations } = await page.evaluate((values) => {
    const { axe, document } = globalThis as unknown as {
      axe: { run(where: unknown, how: object): Promise<Results> };
      document: unknown;
    };
    return axe.run(document, values ? { runOnly: { type: "tag", values } } : {});
  }, tags);
  if (passes.length <= 10) throw new Error(`only ${passes.length} rules met anything`);
  return violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`,
  );
}
