import { z } from "zod";
import { fault } from "#src/errors.ts";
import { type Caller, Role } from "./member.ts";

const name = z
  .string()
  .trim()
  .min(1, fault("NAME_LENGTH", "名称须为1至100个字", "the name must have 1 to 100 characters"))
  .max(100, fault("NAME_LENGTH", "名称须为1至100个字", "the name must have 1 to 100 characters"));

const roles = z
  .array(Role)
  .min(1, fault("ROLES_REQUIRED", "至少指定一个角色", "name at least one role"))
  .refine(
    (all) => new Set(all).size === all.length,
    fault("ROLE_TWICE", "同一角色只能出现一次", "a role occurs at most once"),
  );

/** Without `unitId` the bearer acts for every unit. */
export const NewToken = z.strictObject({
  name,
  roles,
  unitId: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{1,62}$/, fault("UNIT_ID", "单位编号不正确", "not a unit's id"))
    .exactOptional(),
});
export type NewToken = z.infer<typeof NewToken>;

/** What is stored: never the token, only its SHA-256. */
export const Token = z.object({
  id: z.string(),
  hash: z.string(),
  name: z.string(),
  roles: z.array(Role),
  unitId: z.string().exactOptional(),
  createdAt: z.string(),
  createdBy: z.string(),
});
export type Token = z.infer<typeof Token>;

export function callerOf(token: Pick<Token, "id" | "name" | "roles" | "unitId">): Caller {
  const { id, name, roles, unitId } = token;
  return { id, name, roles, ...(unitId === undefined ? {} : { unitId }) };
}
