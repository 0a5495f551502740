import { z } from "zod";

type Json = Record<string, unknown>;

/** JSON Schemas of zod schemas; those with an `id` in their `meta` are collected once, as components. */
export function schemasOf() {
  const components: Record<string, unknown> = {};

  function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
    const whole = z.toJSONSchema(schema, {
      io,
      unrepresentable: "any",
      override: ({ jsonSchema }) => {
        // An answer may grow; only requests are closed to unknown keys.
        if (io === "output" && jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
        if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
        if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      },
    }) as Json;
    const { $schema: _, $defs, ...rest } = JSON.parse(JSON.stringify(whole)) as Json;
    for (const [name, definition] of Object.entries(($defs as Json | undefined) ?? {}))
      components[nameOf(name, io)] = renamed(definition, io);
    return renamed(rest, io) as Json;
  }

  return {
    components,
    input: (schema: z.ZodType) => schemaOf(schema, "input"),
    output: (schema: z.ZodType) => schemaOf(schema, "output"),
  };
}

function nameOf(name: string, io: "input" | "output"): string {
  return io === "input" && !name.startsWith("New") ? `${name}Input` : name;
}

/** Points every `$ref` at the components, and drops the `id` that named them. */
function renamed(value: unknown, io: "input" | "output"): unknown {
  if (Array.isArray(value)) return value.map((entry) => renamed(entry, io));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => {
      if (key === "$ref" && typeof entry === "string" && entry.startsWith("#/$defs/"))
        return [key, `#/components/schemas/${nameOf(entry.slice(8), io)}`];
      return [key, renamed(entry, io)];
    }),
  );
}
