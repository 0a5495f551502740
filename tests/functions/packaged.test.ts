import { afterAll, beforeAll, expect, it } from "vitest";
import { type AwsServers, describeOnAws, startAws } from "#tests/contracts/aws-servers.ts";
import { type Deployment, deploy, packageAll, type Template } from "./deployment.ts";

const ADMIN = "an-admin-token-of-at-least-32-characters";

describeOnAws("the packaged functions", { timeout: 120_000 }, () => {
  let template: Template;
  let aws: AwsServers;
  let deployment: Deployment;
  beforeAll(async () => {
    template = packageAll();
    aws = await startAws();
    deployment = await deploy(template, aws, { GAOSHI_ADMIN_TOKEN: ADMIN, GAOSHI_EGRESS_ALLOW: "127.0.0.0/8" });
  }, 300_000);
  afterAll(async () => {
    await deployment?.stop();
    await aws?.stop();
  });

  it("answer over HTTP that they are well", async () => {
    const answer = await fetch(`${deployment.url}/healthz`);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ status: "ok" });
  });
});
