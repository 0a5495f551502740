const SUBJECT = '"subject":"';

/** The announcement a push is about, cut out of its bytes: parsing every body would measure the sink. */
export function pushKey(body: Buffer): string {
  const start = body.indexOf(SUBJECT);
  if (start < 0) return "unknown";
  const from = start + SUBJECT.length;
  return body.toString("latin1", from, body.indexOf('"', from));
}
