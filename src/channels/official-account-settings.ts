import type { Quota, SettingChoice, SettingSpec, Settings } from "#src/domain/deliveries/channel.ts";
import { sha256 } from "#src/ids.ts";

const setting = (
  name: string,
  zh: string,
  en: string,
  more: Partial<SettingSpec> & { check?: RegExp } = {},
): SettingSpec => ({ name, secret: false, required: false, label: { zh, en }, ...more });

const choice = (value: string, zh: string, en: string): SettingChoice => ({ value, label: { zh, en } });

const AES_KEY = /^[A-Za-z0-9]{43}$/;

/** What an announcement can fill into a field of a message template. */
export const NOTICE_SOURCES = ["title", "summary", "unit", "column", "time", "kind"] as const;
export type NoticeSource = (typeof NOTICE_SOURCES)[number];

const FIELD = `[A-Za-z_]{1,24}\\d{0,3}=(?:${NOTICE_SOURCES.join("|")})`;

/** Everything an operator enters for the account. The callback's door reads `token`, the keys, `originId`, `follow…` and `greeting`. */
export const ACCOUNT_SETTINGS: readonly SettingSpec[] = [
  setting("appId", "开发者ID（AppID）", "AppID", { required: true, check: /^wx[0-9a-zA-Z]{10,30}$/ }),
  setting("appSecret", "开发者密码（AppSecret）", "AppSecret", {
    required: true,
    secret: true,
    check: /^[\x21-\x7e]{16,128}$/,
  }),
  setting("kind", "账号类型", "Kind of account", {
    choices: [
      choice("subscription", "公众号（订阅号）", "Subscription account"),
      choice("service", "服务号", "Service account"),
    ],
  }),
  setting("token", "服务器配置的令牌（Token）", "token of the server configuration", {
    secret: true,
    check: /^[A-Za-z0-9]{3,32}$/,
  }),
  setting(
    "encodingAesKey",
    "消息加解密密钥（EncodingAESKey，43位）；填写后只接受加密消息",
    "EncodingAESKey, 43 characters; with one set, only encrypted messages are taken",
    {
      secret: true,
      check: AES_KEY,
    },
  ),
  setting("previousAesKey", "更换前的消息加解密密钥", "the EncodingAESKey before the change", {
    secret: true,
    check: AES_KEY,
  }),
  setting("originId", "原始ID（gh_…）", "original id (gh_…)", { check: /^gh_[0-9a-z]{6,32}$/ }),
  setting("broadcast", "全体推送方式", "How everybody is reached", {
    choices: [
      choice("mass", "群发", "By mass message"),
      choice("publish", "发布（不通知任何人）", "By publishing, which tells nobody"),
      choice("mass-or-publish", "群发，次数用完时改为发布", "By mass message, by publishing once the quota is used up"),
    ],
  }),
  setting(
    "coverMediaId",
    "封面图的永久素材ID，不填则用默认封面",
    "permanent media id of the cover; empty: a plain one",
    {
      check: /^[\w-]{8,256}$/,
    },
  ),
  setting("noticeKind", "48小时互动窗口外的通知", "Notices outside the 48 hours' reply window", {
    choices: [
      choice("template", "模板消息", "Template message"),
      choice("subscription", "订阅通知", "Subscription notice"),
    ],
  }),
  setting("templateId", "通知模板ID", "template id of the notices", { check: /^[\w-]{8,128}$/ }),
  setting(
    "templateFields",
    `模板字段，如 thing1=title,thing2=unit,time3=time；可用：${NOTICE_SOURCES.join("、")}`,
    `template fields, as thing1=title,thing2=unit,time3=time; of ${NOTICE_SOURCES.join(", ")}`,
    { check: new RegExp(`^${FIELD}(,${FIELD}){0,9}$`) },
  ),
  setting(
    "followTopics",
    "关注即订阅的主题，逗号分隔，默认 all；none 表示不订阅",
    "topics a follower gets, by commas; default all; none: no subscription",
    {
      check:
        /^(none|(?:all|urgency:urgent|(?:column|unit|tag):[^\s,]{1,64})(?:,(?:all|urgency:urgent|(?:column|unit|tag):[^\s,]{1,64})){0,19})$/,
    },
  ),
  setting("greeting", "关注后的欢迎语，不填则用默认", "greeting of new followers; empty: the usual one", {
    check: /^[\s\S]{1,600}$/,
    lines: true,
  }),
];

export type Account = {
  appId: string;
  secret: string;
  /** For the token holder: another secret has another token. */
  credential: string;
  kind: "subscription" | "service";
  broadcast: "mass" | "publish" | "mass-or-publish";
  coverMediaId: string | undefined;
  notice:
    | { kind: "template" | "subscription"; templateId: string; fields: [name: string, source: NoticeSource][] }
    | undefined;
};

/** Undefined while the account is not set up. */
export function accountOf(settings: Settings | undefined): Account | undefined {
  const appId = settings?.["appId"];
  const secret = settings?.["appSecret"];
  if (!appId || !secret) return undefined;
  const { noticeKind, templateId, templateFields, broadcast, kind, coverMediaId } = settings as Record<
    string,
    string | undefined
  >;
  return {
    appId,
    secret,
    credential: `official-account:${appId}:${sha256(secret).slice(0, 16)}`,
    kind: kind === "service" ? "service" : "subscription",
    broadcast: broadcast === "publish" || broadcast === "mass-or-publish" ? broadcast : "mass",
    coverMediaId,
    notice:
      templateId && templateFields
        ? {
            kind: noticeKind === "subscription" ? "subscription" : "template",
            templateId,
            fields: templateFields.split(",").map((one) => one.split("=") as [string, NoticeSource]),
          }
        : undefined,
  };
}

/**
 * WX Batch_Sends: a certified 公众号 one mass message a day; a 服务号 four a calendar month to each follower. Nobody waits for
 * them where what finds them used up is published instead.
 */
export function massQuotas(settings: Settings, address: string | undefined): Quota[] {
  const waits = settings["broadcast"] !== "publish" && settings["broadcast"] !== "mass-or-publish";
  if (address?.startsWith("openid:") || !waits) return [];
  return settings["kind"] === "service"
    ? [{ per: "month", of: "endpoint", count: 4 }]
    : [{ per: "day", of: "credential", count: 1 }];
}
