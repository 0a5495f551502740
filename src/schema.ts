import type { z } from "zod";

/**
 * A schema that is built at the first call and stays. Much of the house loads the schemas of stored items and messages,
 * and each process reads with few of them: building one costs far more than everything else that loading its file does.
 */
export function schema<S extends z.ZodType>(build: () => S): () => S {
  let built: S | undefined;
  return () => {
    built ??= build();
    return built;
  };
}
