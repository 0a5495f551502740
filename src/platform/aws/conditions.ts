import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type { Condition } from "#src/platform/table.ts";

export type Expression = {
  ConditionExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
};

const ALIVE = "(attribute_not_exists(#expiresAt) OR #expiresAt > :now)";

/** An item whose `expiresAt` has come is absent, though DynamoDB may take days to delete it. */
export function condition(wanted: Condition | undefined, seconds: number): Expression {
  if (wanted === undefined) return {};
  const now = { ":now": { N: String(seconds) } };
  if ("absent" in wanted)
    return {
      ConditionExpression: "attribute_not_exists(#pk) OR #expiresAt <= :now",
      ExpressionAttributeNames: { "#pk": "pk", "#expiresAt": "expiresAt" },
      ExpressionAttributeValues: now,
    };
  if ("present" in wanted)
    return {
      ConditionExpression: `attribute_exists(#pk) AND ${ALIVE}`,
      ExpressionAttributeNames: { "#pk": "pk", "#expiresAt": "expiresAt" },
      ExpressionAttributeValues: now,
    };
  return {
    ConditionExpression: `#version = :version AND ${ALIVE}`,
    ExpressionAttributeNames: { "#version": "version", "#expiresAt": "expiresAt" },
    ExpressionAttributeValues: { ...now, ":version": { N: String(wanted.version) } },
  };
}

/** Only a row that is not expired may be added to; an expired one has to be replaced. */
export function addition(numbers: Record<string, number>, expiresAt: number | undefined, seconds: number) {
  const names: Record<string, string> = { "#expiresAt": "expiresAt" };
  const values: Record<string, AttributeValue> = { ":now": { N: String(seconds) } };
  const terms = Object.entries(numbers).map(([name, number], i) => {
    names[`#n${i}`] = name;
    values[`:n${i}`] = { N: String(number) };
    return `#n${i} :n${i}`;
  });
  const set = expiresAt === undefined ? "" : "SET #expiresAt = :expiresAt ";
  if (expiresAt !== undefined) values[":expiresAt"] = { N: String(expiresAt) };
  return {
    UpdateExpression: `${set}${terms.length > 0 ? `ADD ${terms.join(", ")}` : ""}`.trim(),
    ConditionExpression: ALIVE,
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}

export function expired(seconds: number): Expression {
  return {
    ConditionExpression: "#expiresAt <= :now",
    ExpressionAttributeNames: { "#expiresAt": "expiresAt" },
    ExpressionAttributeValues: { ":now": { N: String(seconds) } },
  };
}
