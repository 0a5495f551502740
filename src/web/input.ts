import type { z } from "zod";
import { AppError, type InputError, readFault } from "#src/errors.ts";
import type { Text } from "#src/text.ts";

type Issue = z.core.$ZodIssue;

/** RFC 6901. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** The value as the schema reads it; throws AppError "invalid" (422) that names every fault. `at` begins the pointers. */
export function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, at = ""): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalidInput(inputErrors(result.error.issues, value, at));
}

export function invalidInput(errors: InputError[]): AppError {
  const detail = { zh: "提交的内容有误，详见errors", en: "the input is not acceptable; see errors" };
  return new AppError("invalid", "INPUT", detail, { errors });
}

/** Zod's issues as pointers, stable codes and both languages; messages packed by `fault` speak for themselves. */
export function inputErrors(issues: readonly Issue[], input: unknown, at = ""): InputError[] {
  return issues.flatMap((issue) => errorsOf(issue, input, at));
}

function errorsOf(issue: Issue, input: unknown, at: string): InputError[] {
  const pointer = at + pointerOf(issue.path);
  const own = readFault(issue.message);
  if (own) return [{ pointer, ...own }];
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      pointer: pointer + pointerOf([key]),
      code: "UNKNOWN_KEY",
      detail: { zh: "没有这个字段", en: "there is no such field" },
    }));
  if (issue.code === "invalid_union") return unionErrors(issue, input, at, pointer);
  if (missing(issue.path, input))
    return [{ pointer, code: "REQUIRED", detail: { zh: "必须填写", en: "this is required" } }];
  return [{ pointer, ...general(issue) }];
}

/** Of a union the errors of the member that came closest: the deepest, then the fewest. */
function unionErrors(
  issue: Extract<Issue, { code: "invalid_union" }>,
  input: unknown,
  at: string,
  pointer: string,
): InputError[] {
  if (missing(issue.path, input))
    return [{ pointer, code: "REQUIRED", detail: { zh: "必须填写", en: "this is required" } }];
  const depth = (issues: readonly Issue[]) => Math.max(...issues.map(({ path }) => path.length));
  const [closest] = issue.errors
    .filter((issues) => issues.length > 0 && depth(issues) > 0)
    .sort((a, b) => depth(b) - depth(a) || a.length - b.length);
  if (!closest)
    return [{ pointer, code: "VALUE", detail: { zh: "取值不在允许范围内", en: "not one of the allowed forms" } }];
  return inputErrors(closest, valueAt(issue.path, input), at + pointerOf(issue.path));
}

function general(issue: Issue): { code: string; detail: Text } {
  switch (issue.code) {
    case "invalid_type":
      return { code: "TYPE", detail: { zh: `类型应为 ${issue.expected}`, en: `must be of type ${issue.expected}` } };
    case "invalid_value": {
      const values = issue.values.map(String).join(", ");
      return { code: "VALUE", detail: { zh: `应为其中之一：${values}`, en: `must be one of ${values}` } };
    }
    case "too_small":
      return bound(issue.origin, "min", issue.minimum);
    case "too_big":
      return bound(issue.origin, "max", issue.maximum);
    case "invalid_format":
      if (issue.format === "regex")
        return { code: "FORMAT", detail: { zh: "格式不正确", en: "not in the form that is wanted" } };
      return { code: "FORMAT", detail: { zh: `格式不正确（${issue.format}）`, en: `not a valid ${issue.format}` } };
    case "not_multiple_of":
      return {
        code: "VALUE",
        detail: { zh: `应为 ${issue.divisor} 的倍数`, en: `must be a multiple of ${issue.divisor}` },
      };
    default:
      return { code: "INVALID", detail: { zh: "内容不正确", en: "this is not acceptable" } };
  }
}

function bound(origin: string, side: "min" | "max", limit: number | bigint): { code: string; detail: Text } {
  const least = side === "min";
  if (origin === "string")
    return {
      code: least ? "TOO_SHORT" : "TOO_LONG",
      detail: {
        zh: `${least ? "至少" : "至多"} ${limit} 个字`,
        en: `must have at ${least ? "least" : "most"} ${limit} characters`,
      },
    };
  if (origin === "array" || origin === "set" || origin === "map")
    return {
      code: least ? "TOO_FEW" : "TOO_MANY",
      detail: {
        zh: `${least ? "至少" : "至多"} ${limit} 项`,
        en: `must have at ${least ? "least" : "most"} ${limit} entries`,
      },
    };
  return {
    code: least ? "TOO_SMALL" : "TOO_BIG",
    detail: { zh: `不得${least ? "小于" : "大于"} ${limit}`, en: `must be at ${least ? "least" : "most"} ${limit}` },
  };
}

function valueAt(path: readonly PropertyKey[], input: unknown): unknown {
  let value = input;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[step];
  }
  return value;
}

function missing(path: readonly PropertyKey[], input: unknown): boolean {
  return path.length > 0 && valueAt(path, input) === undefined;
}
