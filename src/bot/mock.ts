import type { PuppetMock } from "wechaty-puppet-mock";

export type SentChat = { to: string; at: number } & (
  | { kind: "text"; text: string }
  | { kind: "link"; title: string; description: string; url: string }
);

/**
 * - no-id: sent, nothing comes back. own: sent, nothing comes back, but the bot then sees its own message.
 * - hang: never comes back. Anything else is the text of an error, and nothing is sent.
 */
export type MockSend = "no-id" | "own" | "hang" | { error: string };

export type MockWechat = {
  puppet: PuppetMock;
  /** Everything the bot sent, in order. */
  sent: SentChat[];
  login(): void;
  logout(): void;
  /** A room needs an `@` in its id, as WeChat's have. */
  room(id: string, topic: string, members?: string[]): void;
  contact(id: string, name: string): void;
  /** A member writes into a room, or a contact to the bot. */
  says(from: string, text: string, room?: string): void;
  /** How the next sends go, one after another; afterwards all go well. */
  next(...sends: MockSend[]): void;
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
  const links = new Map<string, { title: string; url: string }>();
  let linksSupported = true;

  async function send(
    to: string,
    message: { text: string; link?: { title: string; description: string; url: string } },
  ) {
    if (!puppet.isLoggedIn) throw new Error("not logged in");
    if (to.includes("@")) mocker.RoomMock.load(to);
    else mocker.ContactMock.load(to);
    const how = script.shift();
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
    if (how === "own") setImmediate(() => puppet.emit("message", { messageId: id }));
    return how === undefined ? id : undefined;
  }

  class RecordingPuppet extends PuppetMock {
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

  return {
    puppet,
    sent,
    login: () => mocker.login(mocker.createContact({ id: BOT, name: "告示" })),
    logout: () => void puppet.logout("test"),
    room: (id, topic, members = []) => void mocker.createRoom({ id, topic, memberIdList: [BOT, ...members] }),
    contact: (id, name) => void mocker.createContact({ id, name }),
    says(from, text, room) {
      const speaker = mocker.ContactMock.load(from);
      speaker.say(text).to(room === undefined ? mocker.ContactMock.load(BOT) : mocker.RoomMock.load(room));
    },
    next: (...sends) => void script.push(...sends),
    links(supported) {
      linksSupported = supported;
    },
  };
}
