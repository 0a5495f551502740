// The floor for accepting a report: Hono on its Node server, body read and parsed, nothing checked, nothing stored.
import { serve } from "@hono/node-server";
import { Hono } from "hono";

const app = new Hono();
app.get("/healthz", (c) => c.json({ status: "ok" }));
app.post("/reports", async (c) => {
  const report = await c.req.json<{ title: string }>();
  return c.json({ title: report.title }, 201);
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, ({ port }) => console.log(JSON.stringify({ port })));
process.on("disconnect", () => process.exit(0));
