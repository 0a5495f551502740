import { z } from "zod";
import { NewToken, Token } from "#src/domain/members/token.ts";
import { createToken, listTokens, revokeToken } from "#src/domain/members/tokens.ts";
import type { PlainDeps } from "./deps.ts";
import { listed, nextOf, PAGE, pageSchema } from "./list.ts";
import { once } from "./once.ts";
import { type Route, route } from "./route.ts";

const KnownToken = Token.omit({ hash: true }).meta({ id: "Token" });
const MadeToken = z.object({ ...KnownToken.shape, token: z.string() }).meta({ id: "MadeToken" });

function known({ hash: _, ...token }: Token): z.infer<typeof KnownToken> {
  return token;
}

export function tokenRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "post",
        path: "/tokens",
        who: ["admin"],
        tag: "members",
        summary: { zh: "新建令牌（仅此一次显示）", en: "Make a token; it is shown this once" },
        body: NewToken,
        creates: true,
        answers: { 201: MadeToken },
      },
      (call) =>
        once(
          deps,
          call,
          (commit) => createToken({ ...deps, commit }, { caller: call.caller, token: call.body }),
          ({ token, secret }) => ({ status: 201, body: { ...known(token), token: secret } }),
          { hide: ({ token: _, ...rest }: z.infer<typeof MadeToken>) => rest },
        ),
    ),
    route(
      {
        method: "get",
        path: "/tokens",
        who: ["admin"],
        tag: "members",
        summary: { zh: "令牌列表", en: "List tokens" },
        query: z.strictObject(PAGE),
        answers: { 200: pageSchema(KnownToken) },
      },
      async (call) => listed(deps, call, await listTokens(deps, nextOf(call)), known),
    ),
    route(
      {
        method: "delete",
        path: "/tokens/{id}",
        who: ["admin"],
        tag: "members",
        summary: { zh: "吊销令牌", en: "Revoke a token" },
        answers: { 204: null },
      },
      async ({ params }) => {
        deps.forgetToken((await revokeToken(deps, params.id)).hash);
        return { status: 204 };
      },
    ),
  ];
}
