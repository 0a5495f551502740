import { z } from "zod";
import { fault } from "#src/errors.ts";
import { Content } from "./announcement.ts";

export const EVENT_TYPE = "cn.gaoshi.announcement.published";

const URI_REFERENCE = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const wrong = (name: string) =>
  fault("ATTRIBUTE", `${name}属性不正确`, `the attribute ${name} is not as CloudEvents 1.0 says`);

/**
 * A CloudEvents 1.0 event that tells of a publication (the envelope; `data` is checked apart). Extension attributes
 * are allowed and not used: names of small letters and digits, values that are text, an integer or a boolean.
 */
export const PublicationEvent = z
  .object({
    specversion: z.literal("1.0", fault("SPECVERSION", "specversion须为1.0", "specversion must be 1.0")),
    id: z.string(wrong("id")).min(1, wrong("id")).max(512, wrong("id")),
    source: z.string(wrong("source")).max(2048, wrong("source")).regex(URI_REFERENCE, wrong("source")),
    type: z.literal(EVENT_TYPE, fault("EVENT_TYPE", `type须为${EVENT_TYPE}`, `type must be ${EVENT_TYPE}`)),
    time: z.iso.datetime({ offset: true, error: wrong("time") }).optional(),
    subject: z.string(wrong("subject")).min(1, wrong("subject")).max(1024, wrong("subject")).optional(),
    datacontenttype: z
      .string()
      .regex(
        /^application\/(?:[a-z0-9.+-]+\+)?json(?:\s*;.*)?$/i,
        fault("DATA_CONTENT_TYPE", "数据须为JSON", "the data must be JSON"),
      )
      .optional(),
    dataschema: z
      .string()
      .regex(/^[a-z][a-z0-9+.-]*:\S+$/i, wrong("dataschema"))
      .optional(),
    data: z.unknown().optional(),
    data_base64: z.base64(wrong("data_base64")).optional(),
  })
  .catchall(z.union([z.string().max(2048), z.int(), z.boolean()]))
  .refine(
    (event) => Object.keys(event).every((name) => name === "data_base64" || /^[a-z0-9]+$/.test(name)),
    fault("ATTRIBUTE_NAME", "属性名只能用小写字母和数字", "attribute names have lower-case letters and digits"),
  )
  .refine(
    (event) => event.data_base64 === undefined || event.data === undefined,
    fault("DATA_TWICE", "data与data_base64只能有一个", "an event has data or data_base64, not both"),
  );
export type PublicationEvent = z.infer<typeof PublicationEvent>;

/** The data of the event: an announcement's fields; the unit may be left to the publisher's own. */
export const EventData = z.strictObject({ ...Content().shape, unitId: Content().shape.unitId.optional() });
export type EventData = z.infer<typeof EventData>;
