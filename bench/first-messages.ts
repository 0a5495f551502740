// What each worker is called with first, and the store as it is then: one announcement on its way to one webhook.
import { revisionItem } from "#src/domain/announcements/store.ts";
import { itemAttributes } from "#src/platform/aws/attributes.ts";
import { keys } from "#src/platform/keys.ts";
import type { Message, QueueName } from "#src/platform/queue.ts";
import type { Table } from "#src/platform/table.ts";
import { pushWorld, revisionOf, type World } from "#tests/units/push-world.ts";

/** `needs`: what nobody could do this message without. */
export type First = { event: unknown; table: Table; needs: ("push" | "queue" | "bucket")[] };

export async function firstMessages(
  hook: string,
): Promise<{ firsts: Record<string, First>; stop(): Promise<unknown> }> {
  const worlds: World[] = [];
  const ready = async (urgency: "routine" | "urgent") => {
    const world = pushWorld();
    worlds.push(world);
    world.pass((Date.now() - world.now().getTime()) / 1000);
    await world.platform.table.write([{ put: { ...keys.setting("secret"), value: "A".repeat(43) } }]);
    await world.subscribe(hook);
    const revision = revisionOf(world.now(), { content: { urgency } });
    return { world, revision, table: world.platform.table };
  };
  const taken = async (world: World, name: QueueName): Promise<Message[]> =>
    world.platform.queue(name).receive({ max: 1, waitSeconds: 0, visibleAfterSeconds: 30 });
  const planned = async (urgency: "routine" | "urgent") => {
    const { world } = await ready(urgency);
    await world.publish({ content: { urgency } });
    return world;
  };
  const fannedOut = async (urgency: "routine" | "urgent", planning: QueueName) => {
    const world = await planned(urgency);
    await world.handlerOf(planning)(await taken(world, planning));
    return world;
  };

  const dispatch = await ready("routine");
  const fanout = await planned("routine");
  const deliver = await fannedOut("routine", "fanout");
  const urgent = await fannedOut("urgent", "urgent");
  const idle = await ready("routine");
  const NewImage = itemAttributes(revisionItem(dispatch.revision), "0");
  await dispatch.table.write([{ put: revisionItem(dispatch.revision) }]);
  const firsts: Record<string, First> = {
    dispatch: {
      event: { Records: [{ eventName: "INSERT", dynamodb: { SequenceNumber: "1", NewImage } }] },
      table: dispatch.table,
      needs: ["queue"],
    },
    fanout: { event: queued("fanout", await taken(fanout, "fanout")), table: fanout.platform.table, needs: ["queue"] },
    deliver: {
      event: queued("deliver-webhook", await taken(deliver, "deliver-webhook")),
      table: deliver.platform.table,
      needs: ["push"],
    },
    urgent: { event: queued("urgent", await taken(urgent, "urgent")), table: urgent.platform.table, needs: ["push"] },
    api: { event: report, table: idle.table, needs: [] },
    tick: { event: {}, table: idle.table, needs: ["bucket"] },
  };
  return { firsts, stop: () => Promise.all(worlds.map(({ platform }) => platform.stop(0))) };
}

const report = {
  version: "2.0",
  rawPath: "/api/v1/cases",
  rawQueryString: "",
  headers: { host: "bench.example", "content-type": "application/json" },
  requestContext: {
    http: { method: "POST", path: "/api/v1/cases", sourceIp: "127.0.0.1" },
    domainName: "bench.example",
  },
  body: JSON.stringify({ type: "suggestion", title: "测试事项", description: "请核实。".repeat(150), publish: false }),
  isBase64Encoded: false,
};

function queued(name: QueueName, messages: Message[]): unknown {
  if (messages.length === 0) throw new Error(`nothing on the queue ${name}`);
  return {
    Records: messages.map(({ id, receipt, body }) => ({
      ...{ messageId: id, receiptHandle: receipt, body: JSON.stringify(body) },
      attributes: { ApproximateReceiveCount: "1" },
      eventSourceARN: `arn:aws:sqs:us-east-1:000000000000:gaoshi-${name}`,
    })),
  };
}
