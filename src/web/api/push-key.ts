import { z } from "zod";
import { keepPushKey } from "#src/domain/deliveries/keep-push-key.ts";
import type { PlainDeps } from "./deps.ts";
import { type Route, route } from "./route.ts";

const PushKeyBody = z.object({ publicKey: z.string() }).meta({ id: "PushKey" });

export function pushKeyRoutes(deps: PlainDeps): Route[] {
  return [
    route(
      {
        method: "get",
        path: "/push-key",
        who: "public",
        tag: "subscriptions",
        summary: {
          zh: "浏览器通知的公钥（applicationServerKey，P-256，base64url）",
          en: "The key that a browser subscribes to (applicationServerKey: P-256, base64url)",
        },
        answers: { 200: PushKeyBody },
      },
      async () => {
        const { publicKey } = await keepPushKey(deps);
        return { status: 200, body: { publicKey } };
      },
    ),
  ];
}
