import type { PuppetMock } from "wechaty-puppet-mock";

export type SentChat = { to: string; at: number } & (
  | { kind: "text"; text: string }
  | { kind: "link"; title: string; description: string; url: string }
);

/**
 * - no-id: sent, nothing comes back. own: sent, nothing comes back, but the bot then sees its own message.
 * - own-but-lost: the same, and the puppet's own wait for an answer ends in an error.
 * - hang: never comes back. Anything else is the text of an error, and nothing is sent.
 */
export type MockSend = "no-id" | "own" | "own-but-lost" | "hang" | { error: string };

export type MockWechat = {
  puppet: PuppetMock;
  /** Everything the bot sent, in order. */
  sent: SentChat[];
  login(): void;
  logout(): void;
  /** The puppet shows a QR code, or says that it was scanned (3), by `ScanStatus` of wechaty. */
  scan(code: string, status?: number): void;
  /** A room needs an `@` in its id, as WeChat's have; without an owner the puppet does not tell who that is. */
  room(id: string, topic: string, members?: string[], owner?: string): void;
  contact(id: string, name: string): void;
  /** A member writes into a room, or a contact to the bot; `mentions` the bot as the chat itself does. */
  says(from: string, text: string, room?: string, mentions?: boolean): void;
  /** How the next sends go, one after another; afterwards all go well. */
  next(...sends: MockSend[]): void;
  /** How all sends go that `next` does not name, until it is well again. */
  sick(send: MockSend | undefined): void;
  /** How the next starts go: an error, or nothing that ever comes of them; afterwards all go well. */
  nextStarts(...starts: ("fails" | "silent")[]): void;
  /** How often the puppet was started, and how often somebody had to scan for it. */
  counts: { starts: number; scans: number };
  /** Whether link cards are sent; unsupported otherwise. */
  links(supported: boolean): void;
};

const BOT = "gaoshi-bot";

/** WeChat without WeChat, for tests and the demo: wechaty's mock puppet, which also records and answers with ids. */
export async function mockWechat(): Promise<MockWechat> {
  const { PuppetMock, mock } = await import("wechaty-puppet-mock");
  const { types } = await import("wechaty");
  const mocker = new mock.Mocker();
  const sent: SentChat[] = [];
  const script: MockSend[] = [];
  const starts: ("fails" | "silent")[] = [];
  const counts = { starts: 0, scans: 0 };
  let usual: MockSend | undefined;
  const links = new Map<string, { title: string; url: string }>();
  let linksSupported = true;

  async function send(
    to: string,
    message: { text: string; link?: { title: string; description: string; url: string } },
  ) {
    if (!puppet.isLoggedIn) throw new Error("not logged in");
    if (to.includes("@")) mocker.RoomMock.load(to);
    else mocker.ContactMock.load(to);
    const how = script.shift() ?? usual;
    if (typeof how === "object") throw new Error(how.error);
    if (how === "hang") return new Promise<never>(() => {});
    const { text, link } = message;
    sent.push({ to, at: performance.now(), ...(link ? { kind: "link", ...link } : { kind: "text", text }) });
    const id = `mock-${sent.length}`;
    if (link) links.set(id, link);
    mocker.MessageMock.create({
      id,
      talkerId: BOT,
      timestamp: Math.floor(Date.now() / 1000),
      type: link ? types.Message.Url : types.Message.Text,
      text,
      ...(to.includes("@") ? { roomId: to } : { listenerId: to }),
    } as Parameters<typeof mocker.MessageMock.create>[0]);
    if (how === "own" || how === "own-but-lost") setImmediate(() => puppet.emit("message", { messageId: id }));
    if (how === "own-but-lost") throw new Error("timeout of 60000ms exceeded");
    return how === undefined ? id : undefined;
  }

  class RecordingPuppet extends PuppetMock {
    /** As the real ones do: on with the kept login, or a QR code. */
    override async onStart() {
      counts.starts++;
      const how = starts.shift();
      if (how === "fails") throw new Error("cannot reach the chat");
      await super.onStart();
      if (how === "silent") return;
      if ((await this.memory.get("login")) === true) setImmediate(enter);
      else
        setImmediate(() => {
          if (!this.isLoggedIn) mocker.scan(`https://login.weixin.qq.com/l/mock-${++counts.scans}`, 2);
        });
    }
    override async logout(reason?: string) {
      await this.memory.delete("login");
      await super.logout(reason);
    }
    override async messageSendText(to: string, text: string) {
      return (await send(to, { text })) as undefined;
    }
    override async messageSendUrl(to: string, link: { title: string; url: string; description?: string }) {
      if (!linksSupported) throw new Error("Wechaty Puppet Unsupported API Error.");
      const card = { title: link.title, description: link.description ?? "", url: link.url };
      return (await send(to, { text: link.url, link: card })) as undefined;
    }
    override async messageUrl(id: string) {
      return links.get(id) ?? { title: "", url: "" };
    }
  }
  const puppet = new RecordingPuppet({ mocker });
  const account = mocker.createContact({ id: BOT, name: "告示" });
  const enter = () => {
    if (!puppet.isLoggedIn) mocker.login(account);
  };

  return {
    puppet,
    sent,
    counts,
    login: () => {
      // Before its start the puppet has no memory; then somebody logs in without being remembered.
      puppet.memory.set("login", true).catch(() => {});
      enter();
    },
    logout: () => void puppet.logout("test"),
    scan: (code, status = 2) => mocker.scan(code, status),
    room: (id, topic, members = [], owner) =>
      void mocker.createRoom({
        id,
        topic,
        memberIdList: [BOT, ...members],
        ...(owner === undefined ? {} : { ownerId: owner }),
      }),
    contact: (id, name) => void mocker.createContact({ id, name }),
    says(from, text, room, mentions = false) {
      const speaker = mocker.ContactMock.load(from);
      const bot = mocker.ContactMock.load(BOT);
      speaker.say(text, mentions ? [bot] : []).to(room === undefined ? bot : mocker.RoomMock.load(room));
    },
    sick(send) {
      usual = send;
    },
    nextStarts: (...how) => void starts.push(...how),
    next: (...sends) => void script.push(...sends),
    links(supported) {
      linksSupported = supported;
    },
  };
}
