import { type Html, html } from "./html.ts";

type Cell = Html | string | number;

/** `across`: one text instead of all cells behind the head. */
export type StackedRow = { head: Cell; cells: Cell[] } | { head: Cell; across: Cell };

/**
 * A table whose rows become blocks on a phone, every cell behind the name of its column, so that nothing is out of sight. The
 * roles stand there because browsers forget that a table is one when CSS lays it out otherwise. `name` is what a screen reader
 * calls it; `look`: "wide" has long cells, "figures" mostly numbers.
 */
export function stackedTable(
  name: string,
  look: "plain" | "wide" | "figures",
  heads: string[],
  rows: StackedRow[],
): Html {
  const columns = heads.map((head) => html`<th scope="col" role="columnheader">${head}</th>`);
  const cell = (value: Cell, label = "") =>
    html`<td role="cell" data-label="${label}"${typeof value === "number" ? html` class="num"` : ""}>${value}</td>`;
  const cellsOf = (row: StackedRow) =>
    "across" in row
      ? html`<td role="cell" colspan="${heads.length - 1}" aria-colspan="${heads.length - 1}" class="muted">${row.across}</td>`
      : row.cells.map((value, i) => cell(value, heads[i + 1]));
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${name}"><table class="table stack ${look}" role="table"><thead role="rowgroup"><tr role="row">${columns}</tr></thead><tbody role="rowgroup">${rows.map(
    (row) => html`<tr role="row"><th scope="row" role="rowheader">${row.head}</th>${cellsOf(row)}</tr>`,
  )}</tbody></table></div>`;
}
