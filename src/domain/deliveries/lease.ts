/** What one request to the hub agreed on: kept as the endpoint's secret, so that a push knows it without another read. */
export type Lease = { requestedAt: number; until: number; secret: string };

/** Times in milliseconds since 1970; `secret` as the subscriber wrote it, empty for none. */
export function leaseText({ requestedAt, until, secret }: Lease): string {
  return `${requestedAt}.${until}.${Buffer.from(secret).toString("base64url")}`;
}

/** The newest of several: whoever asks again overrides what it asked for before. */
export function newestLease(texts: string[]): Lease | undefined {
  const leases = texts.flatMap((text) => {
    const [, requestedAt, until, secret = ""] = /^(\d{1,15})\.(\d{1,15})\.([\w-]*)$/.exec(text) ?? [];
    if (requestedAt === undefined) return [];
    const read = Buffer.from(secret, "base64url").toString("utf8");
    return [{ requestedAt: Number(requestedAt), until: Number(until), secret: read }];
  });
  return leases.sort((a, b) => a.requestedAt - b.requestedAt).at(-1);
}
