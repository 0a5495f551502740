import { z } from "zod";
import { keys } from "#src/platform/keys.ts";
import type { Item, Write } from "#src/platform/table.ts";
import { schema } from "#src/schema.ts";

/** The value of `feed` on the word that somebody has named an endpoint's secret (or its same address) again. */
export const SECRET_FEED = "endpoint-secret";

const SecretWord = schema(() => z.object({ channel: z.string(), endpoint: z.string() }));
export type SecretWord = z.infer<ReturnType<typeof SecretWord>>;

const KEPT_SECONDS = 86_400;

/** Written together with the secret, and without it: what the feed tells may end among dead letters. */
export function secretWordWrite({ channel, endpoint }: SecretWord, now: Date): Write {
  const expiresAt = Math.floor(now.getTime() / 1000) + KEPT_SECONDS;
  return {
    put: { ...keys.secretWord(endpoint), channel, endpoint, at: now.toISOString(), feed: SECRET_FEED, expiresAt },
  };
}

export function parseSecretWord(item: Item): SecretWord {
  return SecretWord().parse(item);
}
