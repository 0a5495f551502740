import { raw, html as tagged } from "hono/html";

/** A piece of a page: text put into the template is escaped, pieces are not. Nothing in it waits. */
export type Html = { toString(): string; isEscaped: true };

export function html(strings: TemplateStringsArray, ...values: unknown[]): Html {
  return tagged(strings, ...values) as Html;
}

/** Text that is HTML already: only what a renderer of this project made. */
export function trusted(markup: string): Html {
  return raw(markup) as Html;
}

export const NOTHING: Html = trusted("");
