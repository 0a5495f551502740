import type { Html } from "./html.ts";
import type { Head } from "./layout.ts";

/** What a page builder hands to the frame. */
export type Page = {
  head: Head;
  main: Html;
  status?: 404 | 409 | 410 | 413 | 422 | 429 | 500 | 503;
  /** When the newest thing on it changed. */
  changedAt?: string | undefined;
  datedExactly?: boolean;
  /** For one reader only: never stored, never told to the sites it links to. */
  personal?: boolean;
};
