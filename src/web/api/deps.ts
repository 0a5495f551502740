import type { WebDeps } from "#src/web/app.ts";

/** What the routes are made with: the instance, and the word to the door that a token has ended. */
export type ApiDeps = WebDeps & { forgetToken: (hash: string) => void };
