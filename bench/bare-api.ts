// The floor for the `api` function: Hono and the same parts of the same client, which reads one item before the first call.
import { Hono } from "hono";
import { handle } from "hono/aws-lambda";
import * as dynamo from "#src/platform/aws/dynamo.ts";

const app = new Hono();
app.post("/api/v1/cases", async (c) => {
  const report = await c.req.json<{ title: string }>();
  return c.json({ title: report.title }, 201);
});
export const handler = handle(app);
export { dynamo };

await new dynamo.DynamoDBClient({ maxAttempts: 1 }).send(
  new dynamo.GetItemCommand({ TableName: "table", Key: { pk: { S: "setting" }, sk: { S: "secret" } } }),
);
