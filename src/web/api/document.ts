import type { z } from "zod";
import { STATUS_OF } from "#src/web/problem.ts";
import type { Route, RouteSpec } from "./route.ts";
import { schemasOf } from "./schemas.ts";
import { TAGS } from "./tags.ts";

type Json = Record<string, unknown>;

export type Operation = {
  operationId: string;
  tags: string[];
  summary: string;
  "x-summary-zh": string;
  "x-roles"?: readonly string[];
  security: Json[];
  parameters: Json[];
  requestBody?: Json;
  responses: Record<string, Json>;
};

export type Document = {
  openapi: "3.1.0";
  info: Json;
  servers: Json[];
  tags: { name: string; description: string; "x-name-zh": string }[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> } & Json;
};

const PROBLEMS: Record<string, string> = {
  "400": "Not readable as what it claims to be",
  "401": "No credential, or one that does not stand",
  "403": "A right is missing",
  "404": "Unknown, or not there for this caller",
  "409": "In conflict with the present state",
  "412": "If-Match does not hold",
  "413": "The body is too long",
  "415": "Not the content type this call takes",
  "422": "Readable, but not acceptable; `errors` names every fault",
  "428": "If-Match is missing",
  "429": "Too many requests; see Retry-After",
  "500": "A fault of the service",
  "503": "Not available now; see Retry-After",
};

/** The OpenAPI 3.1 document of the routes, made of the very schemas that check the requests. */
export function documentOf(
  routes: readonly Route[],
  { version, server }: { version: string; server: string },
): Document {
  const schemas = schemasOf();
  const paths: Document["paths"] = {
    "/healthz": { get: HEALTH },
  };
  for (const { spec } of routes) {
    const path = `/api/v1${spec.path}`;
    paths[path] = { ...paths[path], [spec.method]: operationOf(spec, schemas) };
  }
  const used = new Set(["health", ...routes.map(({ spec }) => spec.tag)]);
  const tags = Object.entries(TAGS)
    .filter(([name]) => used.has(name))
    .map(([name, { zh, en }]) => ({ name, description: en, "x-name-zh": zh }));
  return {
    openapi: "3.1.0",
    info: {
      title: "Gaoshi 告示",
      version,
      summary: "Takes in reports, publishes announcements and pushes each of them to everyone who asked for it, once.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: server }],
    tags,
    paths,
    components: {
      schemas: { ...schemas.components, Problem: PROBLEM },
      parameters: PARAMETERS,
      responses: Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, description]) => [`Problem${status}`, problem(status, description)]),
      ),
      securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "A token of `POST /tokens`" } },
    },
  };
}

function operationOf(spec: RouteSpec, schemas: ReturnType<typeof schemasOf>): Operation {
  const roles = typeof spec.who === "string" ? {} : { "x-roles": spec.who };
  return {
    operationId: operationId(spec),
    tags: [spec.tag],
    summary: spec.summary.en,
    "x-summary-zh": spec.summary.zh,
    ...roles,
    security: spec.who === "public" ? [{}, { bearer: [] }] : [{ bearer: [] }],
    parameters: parametersOf(spec, schemas),
    ...requestBodyOf(spec, schemas),
    responses: responsesOf(spec, schemas),
  };
}

function operationId({ method, path }: RouteSpec): string {
  const words = path
    .split(/[/-]/)
    .filter((word) => word !== "")
    .map((word) => word.replace(/^\{(\w+)\}$/, "by $1").replace(/(^| )(\w)/g, (_, __, letter) => letter.toUpperCase()));
  return method + words.join("");
}

function parametersOf(spec: RouteSpec, schemas: ReturnType<typeof schemasOf>): Json[] {
  const path = [...spec.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1, maxLength: 200 },
  }));
  const query = Object.entries(spec.query?.shape ?? {}).map(([name, schema]) =>
    name === "limit" || name === "cursor"
      ? { $ref: `#/components/parameters/${name}` }
      : { name, in: "query", schema: schemas.input(schema as z.ZodType) },
  );
  return [
    ...path,
    ...query,
    ...(spec.creates ? [{ $ref: "#/components/parameters/IdempotencyKey" }] : []),
    ...(spec.edits ? [{ $ref: "#/components/parameters/IfMatch" }] : []),
  ];
}

function requestBodyOf(spec: RouteSpec, schemas: ReturnType<typeof schemasOf>): { requestBody?: Json } {
  if (spec.text) {
    const schema = spec.body ? schemas.input(spec.body) : { type: "string" };
    const content = Object.fromEntries(
      spec.text.map((type) => [type, { schema: type.endsWith("json") ? {} : schema }]),
    );
    return { requestBody: { required: true, content } };
  }
  if (!spec.body) return {};
  return { requestBody: { required: true, content: { "application/json": { schema: schemas.input(spec.body) } } } };
}

function responsesOf(spec: RouteSpec, schemas: ReturnType<typeof schemasOf>): Record<string, Json> {
  const answers = Object.entries(spec.answers).map(([status, schema]) => [
    status,
    {
      description: DESCRIPTIONS[status] ?? "Done",
      ...(schema ? { content: { "application/json": { schema: schemas.output(schema) } } } : {}),
    },
  ]);
  const problems = problemsOf(spec).map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]);
  return Object.fromEntries([...answers, ...problems]);
}

const DESCRIPTIONS: Record<string, string> = {
  "200": "Done",
  "201": "Made",
  "202": "Accepted; what follows happens on its own",
  "204": "Done; nothing to say",
};

function problemsOf(spec: RouteSpec): number[] {
  const takesBody = spec.body !== undefined || spec.text !== undefined;
  const changes = spec.method !== "get";
  return [
    STATUS_OF.malformed,
    STATUS_OF.unauthenticated,
    ...(Array.isArray(spec.who) ? [STATUS_OF.forbidden] : []),
    ...(spec.path.includes("{") ? [STATUS_OF["not-found"]] : []),
    ...(changes ? [STATUS_OF.conflict] : []),
    ...(spec.edits ? [STATUS_OF.stale, STATUS_OF["precondition-required"]] : []),
    ...(takesBody ? [STATUS_OF["too-large"], STATUS_OF["media-type"]] : []),
    STATUS_OF.invalid,
    STATUS_OF["too-many"],
    500,
    STATUS_OF.unavailable,
  ].sort((a, b) => a - b);
}

const PROBLEM = {
  type: "object",
  description: "RFC 9457",
  required: ["type", "title", "status", "detail", "code"],
  properties: {
    type: { type: "string", format: "uri-reference" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string", description: "In the language of Accept-Language; zh-CN unless told" },
    code: { type: "string", pattern: "^[A-Z0-9_]+$", description: "Stable" },
    requestId: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        required: ["pointer", "code", "detail"],
        properties: {
          pointer: { type: "string", description: "RFC 6901; of a query parameter or path part: `/` and its name" },
          code: { type: "string" },
          detail: { type: "string" },
        },
      },
    },
  },
};

function problem(status: string, description: string): Json {
  const later = status === "429" || status === "503";
  return {
    description,
    ...(later ? { headers: { "Retry-After": { schema: { type: "integer" }, description: "Seconds" } } } : {}),
    content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
  };
}

const PARAMETERS = {
  limit: {
    name: "limit",
    in: "query",
    description: "Entries of a page",
    schema: { type: "integer", minimum: 1, maximum: 100, default: 20 },
  },
  cursor: {
    name: "cursor",
    in: "query",
    description: "The `next` of the page before",
    schema: { type: "string", maxLength: 2000 },
  },
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description: "16 to 128 visible ASCII characters. The same key and body give the first answer again, for 24 hours.",
    schema: { type: "string", minLength: 16, maxLength: 130 },
  },
  IfMatch: {
    name: "If-Match",
    in: "header",
    required: true,
    description: "The ETag of the version that was read",
    schema: { type: "string" },
  },
};

const HEALTH: Operation = {
  operationId: "getHealthz",
  tags: ["health"],
  summary: "Whether the service answers",
  "x-summary-zh": "服务是否正常",
  security: [{}],
  parameters: [],
  responses: {
    "200": {
      description: "It does",
      content: {
        "application/json": {
          schema: {
            type: "object",
            required: ["status", "version"],
            properties: { status: { const: "ok" }, version: { type: "string" } },
          },
        },
      },
    },
  },
};
