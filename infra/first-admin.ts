import { createSignInLink } from "#src/domain/members/sign-in.ts";
import { onAws } from "#src/wiring.ts";

// The way in after a first deployment. With AWS credentials and the stack's outputs:
// GAOSHI_TABLE=… GAOSHI_BUCKET=… GAOSHI_BASE_URL=… AWS_REGION=… node infra/first-admin.ts
const { table, now } = await onAws(process.env, { headless: true });
const { secret } = await createSignInLink({ table, now }, { memberName: "管理员", roles: ["admin"] });
console.log(`${process.env["GAOSHI_BASE_URL"]}/sign-in/${secret}`);
