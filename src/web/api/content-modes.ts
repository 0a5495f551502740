import { AppError } from "#src/errors.ts";

export const EVENT_MEDIA = [
  "application/cloudevents+json",
  "application/cloudevents-batch+json",
  "application/json",
] as const;

export type Arrived = { batch: boolean; events: unknown[] };

/**
 * The events of a request, by the content modes of CloudEvents' HTTP binding 1.0: one structured, a batch, or one
 * binary (attributes as `ce-` headers, the body is the data). Attributes that are null count as absent.
 */
export function arrivedEvents(headers: Headers, body: unknown): Arrived {
  const media = (headers.get("content-type") ?? "").toLowerCase().split(";")[0]?.trim();
  if (media === "application/cloudevents-batch+json") {
    if (!Array.isArray(body))
      throw new AppError("malformed", "BATCH", { zh: "批次须为JSON数组", en: "a batch is a JSON array" });
    return { batch: true, events: body.map(withoutNulls) };
  }
  if (media === "application/cloudevents+json") return { batch: false, events: [withoutNulls(body)] };
  if (!headers.has("ce-specversion"))
    throw new AppError("media-type", "EVENT_MODE", {
      zh: "请用application/cloudevents+json、其批次形式，或ce-开头的请求头发送事件",
      en: "send application/cloudevents+json, its batch form, or the attributes as ce- headers",
    });
  return { batch: false, events: [{ ...attributes(headers), data: body }] };
}

function withoutNulls(event: unknown): unknown {
  if (typeof event !== "object" || event === null || Array.isArray(event)) return event;
  return Object.fromEntries(Object.entries(event).filter(([name, value]) => value !== null || name === "data"));
}

function attributes(headers: Headers): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of headers)
    if (name.startsWith("ce-") && name.length > 3) found[name.slice(3)] = percentDecoded(value);
  const type = headers.get("content-type");
  return type === null ? found : { ...found, datacontenttype: type };
}

/** Header values carry other than printable ASCII in percent encoding (HTTP binding 3.1.3.2); a stray % stands for itself. */
function percentDecoded(value: string): string {
  const bare = /^"(.*)"$/.exec(value)?.[1]?.replace(/\\(.)/g, "$1") ?? value;
  try {
    return decodeURIComponent(bare);
  } catch {
    return bare;
  }
}
