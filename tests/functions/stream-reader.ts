import { setTimeout as sleep } from "node:timers/promises";
import type { _Record } from "@aws-sdk/client-dynamodb-streams";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
  ListStreamsCommand,
} from "@aws-sdk/client-dynamodb-streams";
import { clientSettings } from "#tests/contracts/aws-servers.ts";

export type Invoke = (event: unknown) => Promise<unknown>;

/** Properties of an AWS::Lambda::EventSourceMapping on a DynamoDB stream, as far as they decide what is told again. */
export type StreamMapping = {
  BatchSize: number;
  MaximumRetryAttempts: number;
  BisectBatchOnFunctionError: boolean;
  /** Which records the function sees at all. */
  filter: (record: _Record) => boolean;
};

/** Where the mapping gave up: told to its failure destination, never told to the function again. */
export type GivenUp = { shardId: string; from: string; to: string };

/**
 * Reads a table's stream and hands it to a function as Lambda's event source mapping does (docs.aws.amazon.com:
 * services-ddb-batchfailurereporting): per shard in order, one batch at a time; after a partial answer it goes back to
 * the lowest sequence number named; a thrown error or an unknown number fails the whole batch, which is then halved.
 */
export function readStream(options: {
  endpoint: string;
  tableName: string;
  invoke: Invoke;
  mapping: StreamMapping;
  /** Milliseconds before a failed batch is told again. */
  backOffMs?: number;
}): { givenUp: GivenUp[]; stop(): Promise<void> } {
  const { endpoint, tableName, invoke, mapping, backOffMs = 20 } = options;
  const client = new DynamoDBStreamsClient(clientSettings(endpoint));
  const givenUp: GivenUp[] = [];
  let stopped = false;

  const number = (record: _Record): string => record.dynamodb?.SequenceNumber ?? "";

  /** How many records, from the first, are done; undefined when the whole batch failed. */
  async function tell(records: _Record[]): Promise<number | undefined> {
    let answer: unknown;
    try {
      answer = await invoke({ Records: records.map(asEvent) });
    } catch {
      return undefined;
    }
    const failures = (answer as { batchItemFailures?: { itemIdentifier?: string }[] } | null)?.batchItemFailures ?? [];
    const positions = failures.map(({ itemIdentifier }) =>
      records.findIndex((record) => number(record) === itemIdentifier),
    );
    if (positions.some((position) => position < 0)) return undefined;
    return Math.min(records.length, ...positions);
  }

  async function deliver(shardId: string, records: _Record[], tries: number): Promise<void> {
    let rest = records;
    for (let attempt = tries; rest.length > 0 && !stopped; attempt++) {
      if (attempt > mapping.MaximumRetryAttempts) {
        givenUp.push({ shardId, from: number(rest[0] as _Record), to: number(rest.at(-1) as _Record) });
        return;
      }
      if (attempt > 0) await sleep(backOffMs);
      const done = await tell(rest);
      if (done === undefined && mapping.BisectBatchOnFunctionError && rest.length > 1) {
        const middle = Math.ceil(rest.length / 2);
        await deliver(shardId, rest.slice(0, middle), attempt + 1);
        await deliver(shardId, rest.slice(middle), attempt + 1);
        return;
      }
      if (done) attempt = -1;
      rest = rest.slice(done ?? 0);
    }
  }

  async function readShard(streamArn: string, shardId: string): Promise<void> {
    const first = { StreamArn: streamArn, ShardId: shardId, ShardIteratorType: "TRIM_HORIZON" as const };
    let { ShardIterator: iterator } = await client.send(new GetShardIteratorCommand(first));
    while (iterator && !stopped) {
      const page = await client.send(
        new GetRecordsCommand({ ShardIterator: iterator, Limit: Math.min(1_000, mapping.BatchSize) }),
      );
      const records = (page.Records ?? []).filter(mapping.filter);
      await deliver(shardId, records, 0);
      iterator = page.NextShardIterator;
      if (records.length === 0) await sleep(20);
    }
  }

  const running = (async () => {
    const { Streams = [] } = await client.send(new ListStreamsCommand({ TableName: tableName }));
    const streamArn = Streams[0]?.StreamArn;
    if (streamArn === undefined) throw new Error(`${tableName} has no stream`);
    const started = new Map<string, Promise<void>>();
    while (!stopped) {
      const { StreamDescription } = await client.send(new DescribeStreamCommand({ StreamArn: streamArn }));
      for (const { ShardId: id, ParentShardId: parent } of StreamDescription?.Shards ?? [])
        if (id && !started.has(id))
          started.set(
            id,
            Promise.resolve(parent && started.get(parent)).then(() => readShard(streamArn, id)),
          );
      await sleep(200);
    }
    await Promise.all(started.values());
  })();

  return {
    givenUp,
    async stop() {
      stopped = true;
      await running;
      client.destroy();
    },
  };
}

/** The record as it stands in a function's event: like the API's, with times as numbers. */
function asEvent(record: _Record): unknown {
  const at = record.dynamodb?.ApproximateCreationDateTime;
  return {
    ...record,
    dynamodb: { ...record.dynamodb, ...(at ? { ApproximateCreationDateTime: at.getTime() / 1_000 } : {}) },
  };
}
