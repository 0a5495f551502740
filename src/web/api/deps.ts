import type { DoorDeps, WebDeps } from "#src/web/app.ts";

/** What the routes are made with: the instance, and the word to the door that a token has ended. */
export type ApiDeps = WebDeps & Forget;

/** The same before the channels are loaded; what most nouns are made with. */
export type PlainDeps = DoorDeps & Forget;

type Forget = { forgetToken: (hash: string) => void };
