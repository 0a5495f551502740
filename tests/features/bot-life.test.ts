import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MockWechat, mockWechat } from "#src/bot/mock.ts";
import { type Bot, type BotOptions, startBot } from "#src/bot/start.ts";
import { orderBot, readBotState } from "#src/domain/conversations/bot-state.ts";
import { jsonLog, silentLog } from "#src/log.ts";
import { embeddedPlatform } from "#src/platform/embedded/platform.ts";
import { keys } from "#src/platform/keys.ts";

/** The machine may be busy. */
const poll = <T>(value: () => T) => expect.poll(value, { timeout: 15_000 });
const now = () => new Date();
const FAST = {
  ownMessageMs: 30,
  patienceMs: 60,
  checkMs: 20,
  suspectMs: 60,
  startMs: 150,
  stopMs: 500,
  logoutMs: 150,
  pollMs: 20,
  reportMs: 5,
  beatMs: 40,
  backoffMs: [20, 40],
};

let platform: ReturnType<typeof embeddedPlatform>;
let wechat: MockWechat;
let bots: Bot[];
let lines: string[];
let unhandled: unknown[];
const note = (error: unknown) => void unhandled.push(error);

beforeEach(async () => {
  platform = embeddedPlatform({ data: ":memory:", now, log: silentLog });
  wechat = await mockWechat();
  bots = [];
  lines = [];
  unhandled = [];
  process.on("unhandledRejection", note);
});
afterEach(async () => {
  for (const bot of bots) await bot.stop();
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

async function start(options: Partial<BotOptions> = {}): Promise<Bot> {
  const { table, bucket } = platform;
  const log = jsonLog((line) => lines.push(line), now);
  const answer = async () => undefined;
  const bot = await startBot({ puppet: wechat.puppet, bucket, table, log, answer, timing: FAST, ...options });
  bots.push(bot);
  return bot;
}
const state = () => readBotState({ table: platform.table, now });
const phase = async () => (await state())?.phase;
const events = () => lines.map((line) => (JSON.parse(line) as { event: string }).event);
const probes = () => wechat.sent.filter((one) => one.kind === "text" && one.text.startsWith("告示自检"));
const quiet = (minutes: string) =>
  platform.table.putAll([
    {
      ...keys.setting("channel:wechaty"),
      settings: { probeMinutes: minutes },
      updatedAt: now().toISOString(),
      version: 1,
    },
  ]);

describe("signing in", () => {
  it("shows a QR code in the terminal and in the state, and never in the log", async () => {
    const printed: string[] = [];
    await start({ print: (text) => printed.push(text) });
    await poll(phase).toBe("waiting");
    const qr = (await state())?.qr;
    expect(qr?.code).toBe("https://login.weixin.qq.com/l/mock-1");
    expect(printed).toHaveLength(1);
    expect(printed[0]).toContain("微信扫码登录");
    expect(printed[0]?.match(/[█▀▄]/g)?.length).toBeGreaterThan(200);
    expect(lines.join("\n")).not.toContain("login.weixin.qq.com");
    wechat.scan("", 3);
    await poll(phase).toBe("scanned");
    expect((await state())?.qr).toBeUndefined();
    wechat.login();
    await poll(state).toMatchObject({ phase: "in", account: "告示" });
    expect((await state())?.qr).toBeUndefined();
  });

  it("shows a QR code no longer than it is good", async () => {
    await start({ timing: { ...FAST, qrMs: 1500 } });
    await poll(async () => (await state())?.qr !== undefined).toBe(true);
    await poll(async () => (await state())?.qr).toBeUndefined();
    expect(await phase()).toBe("waiting");
  });

  it("is not needed after a restart", async () => {
    const first = await start();
    wechat.login();
    await poll(phase).toBe("in");
    await poll(async () => (await platform.bucket.get("bot/wechaty.json")) !== undefined).toBe(true);
    await first.stop();
    expect(await phase()).toBe("stopped");
    wechat = await mockWechat();
    const second = await start();
    await poll(() => second.messenger() !== undefined).toBe(true);
    expect(wechat.counts).toEqual({ starts: 1, scans: 0 });
  });

  it("starts over when the kept session cannot be read", async () => {
    await platform.bucket.put("bot/wechaty.json", { bytes: Buffer.from('{"tru'), contentType: "application/json" });
    await start();
    await poll(phase).toBe("waiting");
  });

  it("is asked for anew once the session was dropped, and that login is kept", async () => {
    await start();
    wechat.login();
    await poll(phase).toBe("in");
    await orderBot({ table: platform.table, now }, { kind: "drop-session", by: "admin" });
    await poll(phase).toBe("waiting");
    expect(await platform.bucket.get("bot/wechaty.json")).toBeUndefined();
    expect(await platform.table.get(keys.botOrder("wechaty"))).toBeUndefined();
    wechat.login();
    await poll(phase).toBe("in");
    await poll(async () => (await platform.bucket.get("bot/wechaty.json")) !== undefined).toBe(true);
  });
});

describe("a start that does not work", () => {
  it("is tried again", async () => {
    wechat.nextStarts("silent", "silent");
    await start();
    await poll(phase).toBe("waiting");
    expect(wechat.counts).toEqual({ starts: 3, scans: 1 });
    expect(events().filter((event) => event === "bot-start-failed")).toHaveLength(2);
    await poll(async () => (await state())?.failedStarts).toBe(0);
  });

  // The library itself waits five seconds for a puppet whose start threw.
  it("because the puppet cannot reach its service is tried again", async () => {
    wechat.nextStarts("fails");
    await start({ timing: { ...FAST, startMs: 20_000, stopMs: 20_000 } });
    await poll(phase).toBe("waiting");
    expect(events().filter((event) => event === "bot-start-failed")).toHaveLength(1);
    expect((await state())?.lastError?.detail).toBe("cannot reach the chat");
  }, 30_000);

  it("because of a stale session loses that session, and shows a QR code", async () => {
    await platform.bucket.put("bot/wechaty.json", {
      bytes: Buffer.from('{"stale":"cookie"}'),
      contentType: "application/json",
    });
    wechat.nextStarts("silent", "silent", "silent");
    await start();
    await poll(phase).toBe("waiting");
    expect(events()).toContain("bot-session-dropped");
    expect(await platform.bucket.get("bot/wechaty.json")).toBeUndefined();
  });

  it("of a puppet that is named by its package is tried with a new one each time", async () => {
    await start({ puppet: "wechaty-puppet-mock", timing: { ...FAST, failedStarts: 9 } });
    const failures = () => events().filter((event) => event === "bot-start-failed").length;
    await poll(failures).toBeGreaterThan(2);
    expect(events()).not.toContain("bot-renew");
    expect(await state()).toMatchObject({ phase: "starting", puppet: "wechaty-puppet-mock" });
  });

  it("of a puppet that is not there ends the start itself", async () => {
    await expect(start({ puppet: "wechaty-puppet-nowhere" })).rejects.toThrow();
  });

  it("ends when it is told to stop in the middle", async () => {
    wechat.nextStarts("silent", "silent", "silent", "silent");
    const bot = await start({ timing: { ...FAST, backoffMs: [60_000] } });
    await poll(() => events().includes("bot-start-failed")).toBe(true);
    await bot.stop();
    expect(await phase()).toBe("stopped");
    const before = wechat.counts.starts;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(wechat.counts.starts).toBe(before);
  });
});

describe("a bot that says it is logged in", () => {
  const loggedIn = async (options: Partial<BotOptions> = {}) => {
    const bot = await start(options);
    wechat.login();
    await poll(() => bot.messenger() !== undefined).toBe(true);
    return bot;
  };

  it("is not probed while messages leave, and is when none did", async () => {
    await quiet("0.025"); // a second and a half
    const bot = await loggedIn();
    wechat.contact("zhang", "张三");
    for (let i = 0; i < 8; i++) {
      await bot.messenger()?.send("contact:zhang", { kind: "text", text: "推送" });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(probes()).toHaveLength(0);
    await poll(() => probes().length).toBe(1);
    expect(probes()[0]?.to).toBe("gaoshi-bot");
    await poll(async () => (await state())?.lastGoodSendAt).toBeDefined();
  });

  it("tries the file helper where there is one, and the operator's canary before all", async () => {
    await quiet("0.001");
    wechat.contact("filehelper", "文件传输助手");
    await loggedIn();
    await poll(() => probes()[0]?.to).toBe("filehelper");
    wechat.contact("ops", "运维");
    await platform.table.putAll([
      {
        ...keys.setting("channel:wechaty"),
        settings: { probeMinutes: "0.001" },
        canary: "contact:ops",
        updatedAt: now().toISOString(),
        version: 2,
      },
    ]);
    await poll(() => probes().at(-1)?.to).toBe("ops");
  });

  it.each([["hang" as const], [{ error: "1101" }]])(
    "but whose sends come to %j is sick, and reconnected by itself",
    async (how) => {
      const bot = await loggedIn();
      wechat.contact("zhang", "张三");
      wechat.sick(how);
      void bot
        .messenger()
        ?.send("contact:zhang", { kind: "text", text: "推送" })
        .catch(() => {});
      await poll(() => events().includes("bot-sick")).toBe(true);
      wechat.sick(undefined);
      await poll(() => wechat.counts.starts).toBeGreaterThan(1);
      await poll(phase).toBe("in");
      await poll(() => bot.messenger() !== undefined).toBe(true);
      await poll(() => probes().length).toBeGreaterThan(0);
      expect(wechat.counts.scans).toBeLessThanOrEqual(1);
    },
  );

  it("pushes nothing while it is sick, and asks for a scan when its session is gone too", async () => {
    const bot = await loggedIn({ timing: { ...FAST, backoffMs: [1500] } });
    wechat.sick({ error: "1101" });
    void bot
      .messenger()
      ?.send("contact:gaoshi-bot", { kind: "text", text: "推送" })
      .catch(() => {});
    await poll(phase).toBe("sick");
    expect(bot.messenger()).toBeUndefined();
    await wechat.puppet.memory.delete("login");
    wechat.sick(undefined);
    await poll(phase).toBe("waiting");
  });

  it("is silent to everybody after “too often”, and is not taken for sick", async () => {
    let skew = 0;
    const bot = await loggedIn({ now: () => new Date(Date.now() + skew) });
    wechat.contact("zhang", "张三");
    wechat.next({ error: "操作过于频繁，请稍后再试。" });
    const say = () => bot.messenger()?.send("contact:zhang", { kind: "text", text: "推送" });
    await expect(say()).rejects.toThrow("频繁");
    await expect(say()).rejects.toThrow("too often");
    await poll(phase).toBe("cooling");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(wechat.sent).toEqual([]);
    expect(events()).not.toContain("bot-sick");
    skew = 1_801_000;
    await expect
      .poll(async () => (await readBotState({ table: platform.table, now: () => new Date(Date.now() + skew) }))?.phase)
      .toBe("in");
    await say();
    expect(wechat.sent.at(-1)).toMatchObject({ to: "zhang", text: "推送" });
  });

  it("and is logged out waits for a scan, and starts anew when no QR code comes", async () => {
    const bot = await loggedIn({ timing: { ...FAST, logoutMs: 1000 } });
    wechat.logout();
    await poll(phase).toBe("out");
    expect(bot.messenger()).toBeUndefined();
    await poll(phase).toBe("waiting");
  });

  it("keeps running whatever errors its puppet tells, and tells no key of them", async () => {
    const bot = await loggedIn();
    wechat.puppet.emit("error", { gerror: "https://wx.qq.com/cgi?sid=SECRETSECRET&skey=@crypt_aaaa failed" });
    await poll(async () => (await state())?.lastError?.detail).toContain("wx.qq.com");
    expect(`${JSON.stringify(await state())}${lines.join()}`).not.toMatch(/SECRET|crypt/);
    expect(bot.messenger()).toBeDefined();
  });
});
