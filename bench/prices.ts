/** Dollars in us-east-1, on demand; the region a county really uses (cn-north-1) has a list of its own, with the same units. */
export type Prices = {
  /** A million of each. */
  queueRequests: number;
  writeUnits: number;
  readUnits: number;
  invocations: number;
  /** One second of one gigabyte. */
  gigabyteSecond: number;
};

export const PRICES: Prices = {
  // cloudburn.io/blog/amazon-sqs-pricing: $0.40, and $0.10 more because messages name a group ("fair queues").
  queueRequests: 0.5,
  // airbyte.com/data-engineering-resources/dynamodb-pricing: units of 1 KB and 4 KB, on demand, since November 2024.
  writeUnits: 0.625,
  readUnits: 0.125,
  // cloudchipr.com/blog/aws-lambda-pricing: arm64.
  invocations: 0.2,
  gigabyteSecond: 0.0000133334,
};

/** What a million pushes cost (dollars), of what one push uses. */
export function pricePerMillion(
  push: Record<"queueRequests" | "writeUnits" | "readUnits" | "invocations", number> & { gigabyteSeconds: number },
): number {
  const { queueRequests, writeUnits, readUnits, invocations, gigabyteSecond } = PRICES;
  return (
    push.queueRequests * queueRequests +
    push.writeUnits * writeUnits +
    push.readUnits * readUnits +
    push.invocations * invocations +
    push.gigabyteSeconds * gigabyteSecond * 1e6
  );
}
