import type { Html } from "./html.ts";
import type { Head } from "./layout.ts";

/** What a page builder hands to the frame. */
export type Page = {
  head: Head;
  main: Html;
  /** 200 when absent. */
  status?: number;
  /** When the newest thing on it changed. */
  changedAt?: string | undefined;
  datedExactly?: boolean;
  /** For one reader only: never stored, never told to other sites. */
  personal?: boolean;
  headers?: Record<string, string>;
};
