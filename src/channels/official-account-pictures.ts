import type { PushSteps, Steps } from "#src/domain/deliveries/push-steps.ts";
import type { TokenSource } from "#src/domain/deliveries/shared-token.ts";
import { sha256 } from "#src/ids.ts";
import type { Egress } from "./egress.ts";
import { filePart } from "./file-part.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Reply, WechatCall } from "./wechat-call.ts";

/** WX media/uploadimg: JPG or PNG under 1 MB. The count and the time are ours: a message should not wait for its pictures. */
export const PICTURES = { bytes: 1_048_575, count: 10, ms: 8000 };

/** Addresses as the rendered HTML has them, to those on the platform's own servers. */
export type Hosted = ReadonlyMap<string, string>;

/** `ms`: for all pictures together; shorter in tests. */
export type PictureDeps = { egress: Egress; fetcher: Outgoing; call: WechatCall; steps: PushSteps; ms?: number };

/** `page`: what relative addresses are read against; its site is ours. */
export type PictureWork = { source: TokenSource; deliveryId: string; html: string; page: string };

const LANES = 4;
const HEADERS = ["accept", "image/png, image/jpeg", "user-agent", "Gaoshi-Pictures/1"];
const TYPE_REFUSED = new Set([40004, 40005, 40009, 40113, 45001]);

/** Every `src` of a picture in our renderer's output, each once, as it is written there. */
export function picturesIn(html: string): string[] {
  return [...new Set([...html.matchAll(/<img src="([^"]*)"/g)].map((match) => match[1] ?? ""))];
}

/** Where a picture may be fetched: over https, or from our own site; undefined where that is certainly not allowed. */
export async function placeOf(
  egress: Egress,
  { src, page, textOnly }: { src: string; page: string; textOnly: boolean },
): Promise<string | undefined> {
  const address = unescaped(src);
  if (!URL.canParse(address, page)) return undefined;
  const { href, protocol, origin } = new URL(address, page);
  if (protocol !== "https:" && origin !== new URL(page).origin) return undefined;
  const checked = await egress.check(href, { textOnly });
  return "url" in checked ? checked.url.href : undefined;
}

/**
 * Puts the pictures of an article on the platform's servers, as many as the time allows. What is up, and what will never
 * be taken, is noted for the push, so that a further attempt fetches and uploads only the rest. Whatever goes wrong with a
 * picture, the article goes out, and says in its place where it can be seen.
 */
export async function hostPictures(deps: PictureDeps, work: PictureWork): Promise<Hosted> {
  const hosted = new Map<string, string>();
  const waiting = picturesIn(work.html).slice(0, PICTURES.count);
  if (waiting.length === 0) return hosted;
  const memory = await pictureMemory(deps.steps, `${work.deliveryId}:pictures`);
  let over = false;
  const lane = async (): Promise<void> => {
    for (let src = waiting.shift(); src !== undefined && !over; src = waiting.shift()) {
      const address = await hostOne(deps, work, memory, src).catch(() => undefined);
      if (address !== undefined && !over) hosted.set(src, address);
    }
  };
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deps.ms ?? PICTURES.ms);
  });
  await Promise.race([Promise.all(Array.from({ length: LANES }, lane)), timeUp]);
  over = true;
  clearTimeout(timer);
  return hosted;
}

/** By the picture's address what its bytes are, by those where they stand now; "" for what is never taken. */
type Memory = { known: Record<string, string | number>; note(more: Steps): Promise<void>; ups: Map<string, Upload> };
type Upload = Promise<string | undefined>;

async function pictureMemory(steps: PushSteps, name: string): Promise<Memory> {
  const known = { ...(await steps.read(name)) };
  let last: Promise<void> = Promise.resolve();
  return {
    known,
    ups: new Map(),
    note(more) {
      Object.assign(known, more);
      last = last.catch(() => undefined).then(() => steps.note(name, { ...known }));
      return last;
    },
  };
}

async function hostOne(deps: PictureDeps, work: PictureWork, memory: Memory, src: string): Promise<string | undefined> {
  const { known, note, ups } = memory;
  const at = `at:${sha256(src).slice(0, 32)}`;
  let bytesName = known[at];
  if (bytesName === undefined) {
    const fetched = await fetchPicture(deps, src, work.page);
    if (fetched === "later") return undefined;
    if (fetched === "never") {
      await note({ [at]: "" });
      return undefined;
    }
    const name = `of:${sha256(fetched.bytes).slice(0, 32)}`;
    bytesName = name;
    if (known[name] === undefined) {
      const up = ups.get(name) ?? upload(deps, work.source, fetched);
      ups.set(name, up);
      const address = await up;
      if (address === undefined) return undefined;
      await note({ [at]: name, [name]: address });
    } else await note({ [at]: name });
  }
  return String(known[bytesName] ?? "") || undefined;
}

type Picture = { bytes: Buffer; type: "image/png" | "image/jpeg" };

/** `never`: it is not what the platform takes; `later`: another attempt may find it. */
async function fetchPicture(deps: PictureDeps, src: string, page: string): Promise<Picture | "never" | "later"> {
  const url = await placeOf(deps.egress, { src, page, textOnly: false });
  if (url === undefined) return "never";
  const answer = await deps.fetcher.send({
    method: "GET",
    url,
    headers: HEADERS,
    reads: true,
    fileBytes: PICTURES.bytes,
  });
  if (answer.kind !== "answer" || answer.status >= 500) return "later";
  if (Number(answer.headers["content-length"] ?? 0) > PICTURES.bytes) return "never";
  if (answer.status !== 200) return "never";
  const bytes = answer.bytes ?? Buffer.alloc(0);
  const type = typeOf(bytes);
  if (type === undefined) return "never";
  return answer.whole ? { bytes, type } : "later";
}

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);

function typeOf(bytes: Buffer): Picture["type"] | undefined {
  if (bytes.subarray(0, PNG.length).equals(PNG)) return "image/png";
  return bytes.subarray(0, JPEG.length).equals(JPEG) ? "image/jpeg" : undefined;
}

/** Once more where the first call may have failed by chance; "" for what the platform will never take. */
async function upload(deps: PictureDeps, source: TokenSource, { bytes, type }: Picture): Upload {
  const payload = filePart(type === "image/png" ? "picture.png" : "picture.jpg", type, bytes);
  const ask = () => deps.call(source, "/cgi-bin/media/uploadimg", payload);
  let reply = await ask();
  if (isChance(reply)) reply = await ask();
  if (reply.kind === "error" && TYPE_REFUSED.has(reply.code)) return "";
  const url = reply.kind === "ok" ? reply.body["url"] : undefined;
  return typeof url === "string" && /^https?:\/\/[^\s"'<>\\]{1,1000}$/.test(url) ? url : undefined;
}

function isChance(reply: Reply): boolean {
  return ["silent", "unreadable", "refused"].includes(reply.kind) || (reply.kind === "error" && reply.code === -1);
}

/** What markdown-it's own escaping wrote. */
function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
}
