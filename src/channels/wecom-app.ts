import type { Revision } from "#src/domain/announcements/announcement.ts";
import type {
  Channel,
  ConfirmOutcome,
  Digest,
  Links,
  Outcome,
  Push,
  Quota,
  SettingSpec,
  Settings,
  Target,
} from "#src/domain/deliveries/channel.ts";
import { settingsInUse } from "#src/domain/deliveries/settings-in-use.ts";
import type { FetchedToken, TokenSource } from "#src/domain/deliveries/shared-token.ts";
import type { InputError } from "#src/errors.ts";
import { sha256 } from "#src/ids.ts";
import { type Language, PRODUCT, say } from "#src/text.ts";
import { cutFaults } from "./cut-faults.ts";
import { noSecret } from "./no-secret.ts";
import { makeOutgoing } from "./outgoing.ts";
import { announcements, cut, cutBytes, inBrief, MARKS, summaryOf } from "./summary.ts";
import { idIn, makeWechatCall, readReply, tokenIn, type WechatDeps } from "./wechat-call.ts";
import { chinaMinute, type ErrorTable, failureOf, NOT_SET_UP } from "./wechat-errors.ts";
import { confirmation, confirmLink, unmarked } from "./wechat-words.ts";

export type RenderedApp =
  | { msgtype: "textcard"; textcard: { title: string; description: string; url: string; btntxt: string } }
  | { msgtype: "markdown"; markdown: { content: string } };

const ORIGIN = "https://qyapi.weixin.qq.com";
const CALL = { answer: 8, total: 8 };
const SECONDS = { connect: 5, answer: 8, total: 25 };
const MINUTE = 60;
const HOUR = 3600;
// WW 90236; the most that the platform keeps a message in mind.
const SAME_SECONDS = 4 * HOUR;
const TITLE = 128;
const DESCRIPTION = 512;
const URL_BYTES = 2048;
const MARKDOWN = 2048;

/**
 * WW 90313. That somebody is not there, out of the app's sight or without a licence is for an administrator to mend: no end of the
 * address, and nothing against the app, for each message has one receiver and the others are well.
 */
const ERRORS: ErrorTable = {
  40003: ["refused", "no such member"],
  40031: ["refused", "no such member"],
  60111: ["refused", "no such member"],
  46004: ["refused", "no such member"],
  43004: ["refused", "the member does not follow the corporation"],
  40066: ["refused", "no such department"],
  60003: ["refused", "no such department"],
  60123: ["refused", "no such department"],
  40068: ["refused", "no such tag"],
  40070: ["refused", "nobody is left under the tag"],
  50002: ["refused", "the app does not see the receiver"],
  60011: ["refused", "the app does not see the receiver"],
  60021: ["refused", "the app does not see the receiver"],
  92000: ["refused", "the app does not see the receiver"],
  40091: ["setup", "the secret is wrong"],
  2000002: ["setup", "the corp id is wrong"],
  48006: ["setup", "the right to this call was taken back"],
  50003: ["setup", "the app is switched off"],
  40033: ["broken", "the message holds a character that is not taken"],
  40035: ["broken", "the message does not fit"],
  40063: ["broken", "the message lacks something"],
  40056: ["setup", "the app id is wrong"],
  41011: ["setup", "the app id is missing"],
  45009: ["minute", "too many calls"],
  45033: ["minute", "too many calls at once"],
  40058: ["broken", "the message does not fit"],
  40008: ["broken", "the kind of message is not known"],
  44001: ["broken", "the message is empty"],
  48002: ["setup", "the app has no right to this call"],
  60020: ["setup", "this server's address is not on the allowlist"],
  301002: ["setup", "the app id does not belong to the secret"],
  81013: ["refused", "the receiver is not there, or out of the app's sight"],
  82001: ["refused", "no receiver is left"],
  86000: ["setup", "the app is switched off"],
};

const SETTINGS: readonly SettingSpec[] = [
  {
    name: "corpId",
    secret: false,
    required: true,
    label: { zh: "企业ID（corpid）", en: "corp id" },
    check: /^[0-9a-zA-Z_-]{8,64}$/,
  },
  {
    name: "secret",
    secret: true,
    required: true,
    label: { zh: "应用的 Secret", en: "the app's secret" },
    check: /^[\x21-\x7e]{16,128}$/,
  },
  {
    name: "agentId",
    secret: false,
    required: true,
    label: { zh: "应用的 AgentId", en: "the app's AgentId" },
    check: /^\d{1,12}$/,
  },
  {
    name: "accounts",
    secret: false,
    required: false,
    label: {
      zh: "企业的账号上限数（每应用每天可发其200倍人次），不填则不计",
      en: "how many accounts the corporation may have (an app may reach 200 times as many people a day); empty: not counted",
    },
    check: /^[1-9]\d{0,6}$/,
  },
];

/**
 * Messages of a WeCom app (WW 90236, 2025-09-24), one receiver each: `user:<userid>`, `party:<id>`, `tag:<id>`. At least
 * once; the platform's own duplicate check drops what a repeat within four hours would double. It answers 0 although it
 * reached nobody, so its lists of receivers that it did not reach are read.
 */
export function makeWecomApp(deps: WechatDeps): Channel<RenderedApp> {
  const { now } = deps;
  const origin = deps.origin ?? ORIGIN;
  const outgoing = makeOutgoing(deps.egress, deps.seconds ?? CALL);
  const call = makeWechatCall({ outgoing, origin, tokens: deps.memory.tokens, now });
  const known = () => settingsInUse(deps.settings, "wecom-app", appOf);

  /** WW 91039: the same token while it is good. The secret stands in the query, as they want it. */
  async function fetchToken({ corpId, secret }: App): Promise<FetchedToken> {
    const query = new URLSearchParams({ corpid: corpId, corpsecret: secret });
    const url = `${origin}/cgi-bin/gettoken?${query}`;
    const reply = readReply(await outgoing.send({ method: "GET", url, headers: [], reads: true }), now());
    const token = tokenIn(reply);
    if (token) return token;
    if (reply.kind === "ok") return { fault: { kind: "retry", detail: "no token in the answer" } };
    const fault = failureOf(reply, { now: now(), errors: ERRORS, unsure: "retry" });
    return { fault: fault.kind === "retry" ? fault : { kind: "retry", detail: "no token was given" } };
  }

  const sourceOf = (app: App): TokenSource => ({
    credential: `wecom-app:${app.corpId}:${app.agentId}:${sha256(app.secret).slice(0, 16)}`,
    fetch: () => fetchToken(app),
  });

  async function send(address: string, message: RenderedApp): Promise<Outcome> {
    const app = await known();
    if (!app) return NOT_SET_UP;
    const { member, id } = receiverIn(address);
    const json = {
      [member]: id,
      agentid: app.agentId,
      ...message,
      enable_duplicate_check: 1,
      duplicate_check_interval: SAME_SECONDS,
    };
    const reply = await call(sourceOf(app), "/cgi-bin/message/send", { json });
    if (reply.kind !== "ok") return failureOf(reply, { now: now(), errors: ERRORS, unsure: "unknown" });
    const missed = missedIn(reply.body, member, id);
    if (missed) return { kind: "rejected", status: 200, detail: missed };
    const receipt = idIn(reply.body, "msgid");
    return { kind: "delivered", status: 200, ...(receipt === undefined ? {} : { receipt }) };
  }

  /** One member can be asked; a whole party or tag never is, an operator enters it with its basis. */
  async function confirm(target: Target, challenge: string, requestedBy: string): Promise<ConfirmOutcome> {
    if (!target.address.startsWith("user:")) return "refused";
    const { title, text, button } = confirmation(target.language);
    const url = confirmLink(deps.baseUrl, requestedBy, challenge);
    const outcome = await send(target.address, {
      msgtype: "textcard",
      textcard: { title, description: cutBytes(text, DESCRIPTION), url, btntxt: button },
    });
    if (outcome.kind === "retry" && outcome.pause) return { paused: outcome.pause };
    return outcome.kind === "delivered" || outcome.kind === "unknown" ? "sent" : "refused";
  }

  return {
    name: "wecom-app",
    guarantee: "at-least-once",
    limits: {
      inFlight: 16,
      inFlightPerOrigin: 16,
      // Per member: what is more is dropped without a word.
      windows: [
        { seconds: MINUTE, count: 30 },
        { seconds: HOUR, count: 1000 },
      ],
      bytes: MARKDOWN,
      chunk: 20,
      seconds: SECONDS,
    },
    queue: "deliver-wecom-app",
    retrySeconds: [30, 5 * MINUTE, 30 * MINUTE, 90 * MINUTE, 5 * HOUR, 10 * HOUR],
    retriesUnknown: true,
    settings: SETTINGS,
    quotas: dayQuota,
    // A member's own pace; the day's messages, a wrong secret and "too many calls" concern the whole app.
    credential: (address) => address,
    account: () => "app",
    secret: noSecret,
    confirms: "link",
    async address(address, options) {
      const app = options?.settings ? appOf(options.settings) : options?.lookup || (await known());
      if (!app) return { errors: [SET_UP_FIRST] };
      const normal = normalAddress(address);
      return normal === undefined ? { errors: [MALFORMED] } : { address: normal };
    },
    confirm,
    render: (revision, language, links) => render(revision, language, links.announcement(revision.announcementId)),
    renderDigest,
    preview(revision, language, links) {
      const { textcard } = render(revision, language, links.announcement(revision.announcementId));
      const text = [textcard.title, textcard.description, textcard.url].join("\n");
      return {
        text,
        bytes: Buffer.byteLength(text),
        limit: TITLE + DESCRIPTION + URL_BYTES,
        // Behind unit and time, which are a line.
        ...inBrief(revision, textcard.description.slice(textcard.description.indexOf("\n") + 1)),
        faults: lostIn(revision, language, textcard),
      };
    },
    push: (rendered: RenderedApp, { target }: Push) => send(target.address, rendered),
    close: () => outgoing.close(),
  };
}

/**
 * WW 90236: an app may send to 200 times as many people a day as the corporation may have accounts. A party or a tag counts
 * once here, since nobody tells how many it holds: what is more, the platform says itself.
 */
function dayQuota({ accounts }: Settings): Quota[] {
  return accounts ? [{ per: "day", of: "account", count: Number(accounts) * 200 }] : [];
}

type App = { corpId: string; secret: string; agentId: number };

function appOf(settings: Settings | undefined): App | undefined {
  const { corpId, secret, agentId } = (settings ?? {}) as Record<string, string | undefined>;
  return corpId && secret && agentId ? { corpId, secret, agentId: Number(agentId) } : undefined;
}

const MEMBERS = { user: "touser", party: "toparty", tag: "totag" } as const;
const MISSED = { touser: ["invaliduser", "unlicenseduser"], toparty: ["invalidparty"], totag: ["invalidtag"] } as const;

function receiverIn(address: string): { member: (typeof MEMBERS)[keyof typeof MEMBERS]; id: string } {
  const colon = address.indexOf(":");
  return { member: MEMBERS[address.slice(0, colon) as keyof typeof MEMBERS], id: address.slice(colon + 1) };
}

/** Everybody at once is `party:` of the root department, which somebody has to name on purpose: there is no `@all`. */
function normalAddress(address: string): string | undefined {
  const user = /^user:([0-9A-Za-z][0-9A-Za-z_@.-]{0,63})$/.exec(address)?.[1];
  // The platform does not tell the letters' case apart.
  if (user !== undefined) return `user:${user.toLowerCase()}`;
  const [, kind, id] = /^(party|tag):0*([1-9]\d{0,9})$/.exec(address) ?? [];
  return id === undefined ? undefined : `${kind}:${id}`;
}

function missedIn(
  body: Readonly<Record<string, unknown>>,
  member: keyof typeof MISSED,
  id: string,
): string | undefined {
  for (const list of MISSED[member]) {
    const names = body[list];
    if (typeof names !== "string" && !Array.isArray(names)) continue;
    const missed = (typeof names === "string" ? names.split("|") : names).map((name) => String(name).toLowerCase());
    if (missed.includes(id)) return `${list}: not reached, see the app's visible range and licences`;
  }
  return undefined;
}

function lostIn(revision: Revision, language: Language, card: { title: string; description: string }): InputError[] {
  const { kind, content, reason } = revision;
  return cutFaults(revision, {
    title: card.title !== titleOf(kind, content.title, language),
    words: !card.description.endsWith(unmarked(reason || content.summary || "")),
  });
}

const titleOf = (kind: Revision["kind"], title: string, language: Language) => MARKS[kind][language] + unmarked(title);

function render(revision: Revision, language: Language, url: string): Extract<RenderedApp, { msgtype: "textcard" }> {
  const title = cutBytes(titleOf(revision.kind, revision.content.title, language), TITLE);
  const head = `${unmarked(revision.unitName)} ${chinaMinute(revision.publishedAt)}`;
  const summary = unmarked(revision.reason ?? "") || unmarked(summaryOf(revision.content, 160));
  return {
    msgtype: "textcard",
    textcard: {
      title,
      description: cutBytes(`${head}\n${cut(summary, 160)}`, DESCRIPTION),
      url,
      btntxt: language === "en" ? "Read" : "查看",
    },
  };
}

/** Markdown of the platform's kind: a heading, then a linked title for each; what does not fit is counted. */
function renderDigest({ frequency, at, revisions }: Digest, language: Language, links: Links): RenderedApp {
  const en = language === "en";
  const count = revisions.length;
  const name = en
    ? `${frequency} digest, ${announcements(count)}`
    : `${frequency === "daily" ? "每日" : "每周"}汇总，共${count}条`;
  const more = (left: number) => (en ? `[and ${left} more](${links.source})` : `[另有${left}条](${links.source})`);
  const room = MARKDOWN - Buffer.byteLength(`\n${more(count)}`);
  let content = `### ${say(PRODUCT, language)} ${name} ${chinaMinute(at)}`;
  let shown = 0;
  for (const { kind, content: text, announcementId, unitName } of revisions) {
    const title = cut(MARKS[kind][language] + unmarked(text.title), 40).replace(/[[\]()*`_]/g, " ");
    const line = `\n> [${title}](${links.announcement(announcementId)}) ${cut(unmarked(unitName), 20)}`;
    if (Buffer.byteLength(content + line) > room) break;
    content += line;
    shown++;
  }
  if (shown < count) content += `\n${more(count - shown)}`;
  return { msgtype: "markdown", markdown: { content } };
}

const MALFORMED: InputError = {
  pointer: "/endpoint/address",
  code: "ADDRESS_MALFORMED",
  detail: {
    zh: "地址应为 user:成员账号、party:部门编号 或 tag:标签编号",
    en: "the address must be user:<userid>, party:<id> or tag:<id>",
  },
};

const SET_UP_FIRST: InputError = {
  pointer: "/endpoint/channel",
  code: "CHANNEL_NOT_SET_UP",
  detail: {
    zh: "企业微信应用尚未接入：请管理员在渠道设置中填写 corpId、secret 与 agentId（PUT /api/v1/channels/wecom-app）",
    en: "the WeCom app is not set up: an admin must enter corpId, secret and agentId (PUT /api/v1/channels/wecom-app)",
  },
};
