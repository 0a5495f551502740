// The floor for the functions behind the queues: the clients that they load with their first message.
export * as dynamo from "#src/platform/aws/dynamo.ts";
export * as sqs from "#src/platform/aws/sqs.ts";
