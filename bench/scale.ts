// What a push costs on AWS and how long a fan-out takes there: counted by the engine itself, computed from serverless.yml's figures.
import { readFileSync } from "node:fs";
import { QUEUES } from "#src/platform/queue.ts";
import { awsTimes, INPUTS, type Inputs, type Mapping } from "./aws-times.ts";
import { pricePerMillion } from "./prices.ts";
import { type Counted, countPushes, KINDS } from "./scale-counts.ts";

/** The figures of a queue's mapping and its function, read from serverless.yml. */
export function mappingOf(queue: string, fn: string): Mapping {
  const text = readFileSync("serverless.yml", "utf8");
  const own = text.slice(text.indexOf(`\n  ${fn}:\n`) + 1).split(/\n(?= {2}\w+:\n)/)[0] ?? "";
  const event = own.slice(own.indexOf(`!GetAtt ${queue}.Arn`));
  const figure = (name: string, within: string) => Number(new RegExp(`${name}: (\\d+)`).exec(within)?.[1]);
  return {
    batch: figure("batchSize", event),
    most: figure("maximumConcurrency", event),
    memory: figure("memorySize", own) || 512,
    window: figure("maximumBatchingWindow", event.split(/\n {6}- sqs/)[0] ?? "") || 0,
  };
}

export const MAPPINGS = {
  fanout: mappingOf("FanoutQueue", "fanout"),
  deliver: mappingOf("DeliverWebhookQueue", "deliver"),
  late: mappingOf("DeliverLateQueue", "deliver"),
};

/** Seconds of a function for one push of a kind that goes out so many a call; the planner's share is in `awsTimes` for webhooks. */
function gigabyteSeconds(inputs: Inputs): number {
  return awsTimes(100_000, MAPPINGS, inputs).gigabyteSecondsPerPush;
}

const show = (n: number) => (n >= 100 ? Math.round(n).toLocaleString("en") : n.toPrecision(3));

export async function printScale(sizes: number[]): Promise<void> {
  console.log(
    "\n| channel | endpoints | write units | read units | SQS requests | invocations | $ a million, without the functions' time |",
  );
  console.log("|---|---:|---:|---:|---:|---:|---:|");
  let largest: Counted | undefined;
  for (const kind of KINDS)
    for (const size of sizes) {
      const counted = await countPushes(kind, size);
      const { writeUnits, readUnits, queueRequests, invocations } = counted.perPush;
      const price = pricePerMillion({ ...counted.perPush, gigabyteSeconds: 0 }).toFixed(3);
      const cells = [kind.what, size.toLocaleString("en"), writeUnits, readUnits, queueRequests, invocations, price];
      console.log(`| ${cells.join(" | ")} |`);
      if (kind === KINDS[0]) largest = counted;
    }
  if (largest) printPlaces(largest);
  const healthy = gigabyteSeconds(INPUTS);
  const silent = gigabyteSeconds({ ...INPUTS, silentPercent: 1 });
  const known = gigabyteSeconds({ ...INPUTS, silentPercent: 1, knownPercent: 100 });
  console.log(
    `\nFunctions' time a million webhooks, first attempts: $${price(healthy)}; when 1 % never answer $${price(silent)} the first time, $${price(known)} from then on.`,
  );
  console.log(`${JSON.stringify(MAPPINGS)}, batches of webhooks ${QUEUES["deliver-webhook"].batch}\n`);
  console.log(
    "| endpoints | 1 % never answer | all planned after, s | last answer after, s | planners, workers | messages in flight | busiest shard, read units/s | fan-out's partition, write and read units/s |",
  );
  console.log("|---:|---|---:|---:|---:|---:|---:|---:|");
  for (const [silentPercent, knownPercent] of [
    [0, 0],
    [1, 0],
    [1, 100],
  ] as const)
    for (const endpoints of [10_000, 100_000, 1_000_000, 10_000_000]) {
      const t = awsTimes(endpoints, MAPPINGS, { ...INPUTS, silentPercent, knownPercent });
      const silent = silentPercent === 0 ? "no" : knownPercent === 0 ? "the first time" : "as before";
      const cells = [
        ...[endpoints.toLocaleString("en"), silent, show(t.plannedSeconds), show(t.lastSeconds)],
        ...[
          `${t.planners}, ${t.workers + t.lateWorkers}`,
          t.inFlight,
          show(t.shardReads),
          `${t.fanoutWrites}, ${t.fanoutReads}`,
        ],
      ];
      console.log(`| ${cells.join(" | ")} |`);
    }
}

function price(gigabyteSecondsPerPush: number): string {
  const free = { writeUnits: 0, readUnits: 0, queueRequests: 0, invocations: 0 };
  return pricePerMillion({ ...free, gigabyteSeconds: gigabyteSecondsPerPush }).toFixed(3);
}

function printPlaces({ places, messageBytes, messages }: Counted): void {
  console.log(
    "\n| partitions (webhook, the largest run) | how many | write units | read units | busiest: write, read | largest item written, bytes |",
  );
  console.log("|---|---:|---:|---:|---:|---:|");
  for (const [name, { partitions, writeUnits, readUnits, busiest, largest }] of Object.entries(places))
    console.log(
      `| ${[name, partitions, writeUnits, readUnits, `${busiest.writeUnits}, ${busiest.readUnits}`, largest].join(" | ")} |`,
    );
  console.log(`\nlargest message ${messageBytes} bytes; messages ${JSON.stringify(messages)}`);
}
