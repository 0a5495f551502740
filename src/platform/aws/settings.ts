import { AppError } from "#src/errors.ts";
import type { QueueName } from "#src/platform/queue.ts";

/** Names of resources, never secrets; region, credentials and test endpoints the SDK reads itself (`AWS_…`). */
export type AwsSettings = { tableName: string; bucketName: string; queueUrl: (name: QueueName) => string };

/** `GAOSHI_TABLE`, `GAOSHI_BUCKET`, `GAOSHI_QUEUE_FANOUT` and so on; a function is given only the queues it sends to. */
export function readAwsSettings(env: Record<string, string | undefined>): AwsSettings {
  const needed = (name: string): string => {
    const value = env[name];
    if (value) return value;
    throw new AppError("invalid", "CONFIG", { zh: `缺少环境变量 ${name}`, en: `${name} is missing` });
  };
  return {
    tableName: needed("GAOSHI_TABLE"),
    bucketName: needed("GAOSHI_BUCKET"),
    queueUrl: (name) => needed(queueVariable(name)),
  };
}

export function queueVariable(name: QueueName): string {
  return `GAOSHI_QUEUE_${name.toUpperCase().replaceAll("-", "_")}`;
}
