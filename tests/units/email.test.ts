import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeEmail } from "#src/channels/email.ts";
import type { Revision } from "#src/domain/announcements/announcement.ts";
import type { Outcome, Target } from "#src/domain/deliveries/channel.ts";
import { leavingEndpoint, mailedEndpoint, managedEndpoint } from "#src/domain/deliveries/endpoint-link.ts";
import { silentLog } from "#src/log.ts";
import { type SmtpBehaviour, type SmtpSink, startSmtpSink } from "#tests/receivers/smtp-sink.ts";
import { type MoreRevision, revisionOf, testLinks } from "./push-world.ts";

const secret = new Uint8Array(32).fill(9);
const at = new Date("2026-03-02T02:00:00Z");
const seconds = { connect: 1, answer: 1, total: 2 };
const endpoint = "Ab-_567890123456";

let sink: SmtpSink;
let channel: ReturnType<typeof mailer>;
beforeAll(async () => {
  sink = await startSmtpSink();
  channel = mailer({ smtpUrl: `smtp://127.0.0.1:${sink.port}` });
});
afterAll(async () => {
  await channel.close();
  await sink.close();
});

function mailer(settings: Record<string, string>, more: Partial<Parameters<typeof makeEmail>[0]> = {}) {
  const setup = { settings: { from: "notice@county.example", ...settings }, updatedAt: "", version: 1 };
  return makeEmail({
    baseUrl: "https://example.org",
    settings: async () => setup,
    now: () => at,
    log: silentLog,
    secret: async () => secret,
    seconds,
    ...more,
  });
}

const target = (address: string, more: Partial<Target> = {}): Target => ({
  endpoint,
  address,
  language: "zh-CN",
  secrets: [],
  matched: ["column:notices", "tag:放假"],
  ...more,
});

function push(address: string, more: MoreRevision = {}, whom: Partial<Target> = {}, by = channel): Promise<Outcome> {
  const revision = revisionOf(at, more);
  const who = target(address, whom);
  const deliveryId = `${revision.announcementId}.${revision.revision}.${who.endpoint}`;
  return by.push(by.render(revision, who.language, testLinks), { deliveryId, attempt: 1, target: who });
}

async function got(address: string, more: MoreRevision = {}, whom: Partial<Target> = {}) {
  expect(await push(address, more, whom)).toMatchObject({ kind: "accepted" });
  return sink.next(address);
}

describe("a mail that somebody gets", () => {
  test("has both forms of the text, its links, and how to leave", async () => {
    const mail = await got("one@example.org", {
      content: {
        title: "停水通知",
        body: "## 时间\n\n周三[详情](/announcements/x)，**请储水**。\n\n- 东区\n- 西区",
        tags: ["放假"],
      },
    });
    expect(mail.subject).toBe("停水通知 - 某县互联网信息中心");
    expect(mail.from?.text).toBe('"告示" <notice@county.example>');
    expect(mail.text).toContain("周三详情 <https://example.org/announcements/x>，请储水。");
    expect(mail.text).toContain("- 东区\n- 西区");
    expect(mail.text).toContain("因为在告示订阅了：栏目“通知公告”、标签“放假”。");
    expect(mail.html).toContain('<html lang="zh-CN">');
    expect(mail.html).toContain('<a href="https://example.org/announcements/x" rel="noopener nofollow">详情</a>');
    const leave = /<(https:\/\/example\.org\/unsubscribe\?[^>]+)>/.exec(
      header(sink, "one@example.org", "list-unsubscribe"),
    )?.[1];
    expect(mail.html).toContain(leave?.replaceAll("&", "&amp;"));
    expect(mail.text).toContain(leave);
    const token = new URL(leave ?? "").searchParams.get("t") ?? "";
    expect(leavingEndpoint(secret, token)).toBe(endpoint);
    const manage = /https:\/\/example\.org\/manage\?m=([^\s&]+)/.exec(mail.text ?? "")?.[1] ?? "";
    expect(managedEndpoint(secret, manage, at)).toBe(endpoint);
    expect(managedEndpoint(secret, manage, new Date(at.getTime() + 31 * 86_400_000))).toBeUndefined();
  });
});

function header(at: SmtpSink, address: string, name: string): string {
  const raw = at.to(address).at(-1)?.raw.toString("latin1") ?? "";
  const head = raw.slice(0, raw.indexOf("\r\n\r\n")).replace(/\r\n[ \t]+/g, " ");
  return (
    head
      .split("\r\n")
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? ""
  );
}
void ({} as Revision);
void ({} as SmtpBehaviour);
void mailedEndpoint;
