import { z } from "zod";
import { AppError } from "#src/errors.ts";
import { derivedId, randomSecret, sha256 } from "#src/ids.ts";
import { keys } from "#src/platform/keys.ts";
import type { Table } from "#src/platform/table.ts";
import { type Caller, Role } from "./member.ts";

type Deps = { table: Table; now: () => Date };

const LINK_MINUTES = 15;
export const SESSION_HOURS = 8;

const Link = z.object({
  memberId: z.string(),
  memberName: z.string(),
  roles: z.array(Role),
  unitId: z.string().exactOptional(),
});
type Link = z.infer<typeof Link>;

const Session = z.object({ ...Link.shape, expiresAt: z.number() });

/** `until: "used"`: the link of the first start, which waits for the operator; others end after 15 minutes. */
export type NewSignInLink = { memberName: string; roles: Role[]; unitId?: string; until?: "used" };

/** A one-time way into the console: the secret of `/sign-in/{secret}`, of which only the hash is kept. */
export async function createSignInLink(deps: Deps, input: NewSignInLink): Promise<{ secret: string }> {
  const secret = randomSecret();
  const link: Link = {
    memberId: derivedId("mem", input.memberName),
    memberName: input.memberName,
    roles: input.roles,
    ...(input.unitId === undefined ? {} : { unitId: input.unitId }),
  };
  const expiry = input.until === "used" ? {} : { expiresAt: secondsFrom(deps, LINK_MINUTES * 60) };
  await deps.table.write([{ put: { ...keys.signInLink(sha256(secret)), ...link, ...expiry } }]);
  return { secret };
}

/** For the page behind the link, which changes nothing: whom it would sign in. */
export async function readSignInLink(deps: Deps, secret: string): Promise<{ memberName: string } | undefined> {
  const item = await deps.table.get(keys.signInLink(sha256(secret)));
  return item && { memberName: Link.parse(item).memberName };
}

/** Uses the link up; of two at once only one gets a session. The session's secret belongs into a cookie. */
export async function signIn(deps: Deps, secret: string): Promise<{ session: string; caller: Caller }> {
  const key = keys.signInLink(sha256(secret));
  const item = await deps.table.get(key);
  if (!item) throw linkIsOver();
  const link = Link.parse(item);
  const session = randomSecret();
  const expiresAt = secondsFrom(deps, SESSION_HOURS * 3600);
  const written = await deps.table.write([
    { remove: key, if: { present: true } },
    { put: { ...keys.session(sha256(session)), ...link, expiresAt } },
  ]);
  if (!written.ok) throw linkIsOver();
  return { session, caller: callerIn(link) };
}

export async function readSession(deps: Deps, session: string): Promise<Caller | undefined> {
  const item = await deps.table.get(keys.session(sha256(session)));
  return item && callerIn(Session.parse(item));
}

export async function signOut(deps: Deps, session: string): Promise<void> {
  await deps.table.write([{ remove: keys.session(sha256(session)) }]);
}

function callerIn({ memberId, memberName, roles, unitId }: Link): Caller {
  return { id: memberId, name: memberName, roles, ...(unitId === undefined ? {} : { unitId }) };
}

function secondsFrom(deps: Deps, seconds: number): number {
  return Math.ceil(deps.now().getTime() / 1000) + seconds;
}

function linkIsOver(): AppError {
  return new AppError("not-found", "LINK_OVER", {
    zh: "登录链接无效、已使用或已过期",
    en: "this sign-in link is unknown, used or expired",
  });
}
