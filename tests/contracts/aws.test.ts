import { afterAll, beforeAll } from "vitest";
import { silentLog } from "#src/log.ts";
import { awsTable } from "#src/platform/aws/table.ts";
import { type AwsServers, clientSettings, describeOnAws, makeTable, startAws } from "./aws-servers.ts";
import { tableContract } from "./table.suite.ts";

const now = (): Date => new Date();

describeOnAws("AWS", { timeout: 60_000 }, () => {
  let aws: AwsServers;
  beforeAll(async () => {
    aws = await startAws();
  });
  afterAll(() => aws.stop());

  tableContract("DynamoDB", async () => ({
    table: awsTable({
      client: clientSettings(aws.dynamodb),
      tableName: await makeTable(aws.dynamodb),
      now,
      log: silentLog,
    }),
    close: async () => {},
  }));
});
