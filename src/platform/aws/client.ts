import type { DynamoDBClient, DynamoDBClientConfig } from "@aws-sdk/client-dynamodb";
import { AppError } from "#src/errors.ts";
import type { Log } from "#src/log.ts";
import { persistently, unavailable } from "./retry.ts";

type Dynamo = typeof import("./dynamo.ts");

/** Calls DynamoDB: the client is made on first use, a call is repeated while that can help, errors become ours. */
export type DynamoCalls = <T>(
  make: (dynamo: Dynamo) => (client: DynamoDBClient, inDoubt: boolean) => Promise<T>,
  options?: { once?: boolean },
) => Promise<T>;

/** The SDK's own repeats are off: only here is it known what a repeated write means. */
const OURS: DynamoDBClientConfig = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: 1_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
};

export function dynamoCalls(settings: DynamoDBClientConfig, log: Log): DynamoCalls {
  let ready: Promise<{ dynamo: Dynamo; client: DynamoDBClient }> | undefined;
  const load = async () => {
    const dynamo = await import("./dynamo.ts");
    return { dynamo, client: new dynamo.DynamoDBClient({ ...OURS, ...settings }) };
  };
  return async (make, options = {}) => {
    ready ??= load();
    const { dynamo, client } = await ready;
    const call = make(dynamo);
    return persistently({ store: "DynamoDB", log, ...options }, (inDoubt) => call(client, inDoubt)).catch((error) => {
      throw translated(error);
    });
  };
}

const NOT_OURS =
  /^(AccessDenied|ResourceNotFound|UnrecognizedClient|ExpiredToken|InvalidSignature|CredentialsProvider)/;
const TOO_LARGE = /size (of item )?(has )?exceeded|exceeds? (the )?(maximum|4 ?MB)|aggregated size/i;

function translated(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  if (NOT_OURS.test(error.name)) return unavailable("DynamoDB", error);
  const reasons = (error as { CancellationReasons?: { Message?: string }[] }).CancellationReasons ?? [];
  const messages = [error.message, ...reasons.map((reason) => reason.Message ?? "")];
  if (!messages.some((message) => TOO_LARGE.test(message))) return error;
  const detail = { zh: "内容过大，无法保存", en: "too large to be stored" };
  return new AppError("too-large", "ITEM_SIZE", detail, { cause: error });
}
