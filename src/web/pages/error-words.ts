import { type Html, html, NOTHING } from "./html.ts";
import type { View } from "./view.ts";

/** What channels write into the ledger in our own words, with `#` for every number in it, and the same in Chinese. */
const OURS: Readonly<Record<string, string>> = {
  // connections
  unreachable: "连不上对方的服务器",
  "address not allowed": "该地址在禁止访问的网段内，未连接",
  "no answer in time": "对方未在规定时间内回答",
  "no answer came": "没有等到回答",
  "connection broken": "连接中断，未等到回答",
  "redirect, never followed": "对方要求跳转；推送从不跟随跳转",
  "the worker was lost": "推送中途程序中断，不知道是否已送到",
  "no answer after the last byte": "邮件已发完，未等到邮件服务器回答",
  // answers
  "#, empty": "HTTP #，回答是空的",
  "#, html": "HTTP #，回答的是网页",
  "#, truncated": "HTTP #，回答不完整",
  "#, no json": "HTTP #，回答的格式不对",
  "#, no code": "HTTP #，回答中没有结果代码",
  "# with code #": "HTTP #，结果代码却是#，自相矛盾",
  "an answer that cannot be read (HTTP #)": "回答无法识别（HTTP #）",
  "no answer that can be read came": "没有等到能识别的回答",
  "a page instead of a push service's answer": "回答的是网页，不是推送服务的回答",
  "no token in the answer": "回答中没有访问令牌",
  "no token was given": "没有取得访问令牌",
  "no media_id in the answer": "回答中没有素材编号",
  "the access token is being renewed": "访问令牌正在更新",
  "the access token could not be fetched": "访问令牌取不到",
  "the vendor refuses the access token that it hands out": "服务方发出的访问令牌，它自己又不接受",
  // messages
  "larger than # bytes": "消息超过#字节",
  "too large for this push service": "消息超出该推送服务的上限",
  "the message cannot be read": "服务方读不懂这条消息",
  "the message does not fit": "消息格式不符合要求",
  "the message's own id is too long": "消息自带的编号过长",
  "the message holds a character that is not taken": "消息中有服务方不接受的字符",
  "the message lacks something": "消息缺少必填内容",
  "the message is empty": "消息是空的",
  "the article is empty": "图文是空的",
  "the text is empty": "文字是空的",
  "the media is too large": "素材过大",
  "the text is too long": "文字过长",
  "the title is too long": "标题过长",
  "the description is too long": "描述过长",
  "the link is too long": "链接过长",
  "the picture link is too long": "图片链接过长",
  "the voice is too long": "语音过长",
  "there are too many articles": "图文条数过多",
  "the media is not there": "素材不存在",
  "the kind of message is not known": "不支持这种消息",
  "fewer than two receivers": "接收人不足两个",
  "a field of the template does not fit": "模板的某个字段不符合要求",
  "the content is not acceptable": "内容未获服务方接受",
  "the draft did not pass the check": "草稿未通过服务方审核",
  "the platform wants this published by hand": "平台要求人工在后台发布",
  "the platform wants the draft saved by hand first": "平台要求先人工在后台保存草稿",
  // receivers
  "no such follower": "没有这个关注者",
  "follows no longer": "已取消关注",
  "is on the blocklist": "在黑名单中",
  "takes no messages of this account": "拒收本账号的消息",
  "did not agree to this notice, or took the consent back": "未同意接收此类通知，或已撤回同意",
  "outside the reply window": "已过可回复的时限",
  "too many replies in the window": "时限内可回复的条数已用完",
  "outside the reply window, and no notice is set up for this account": "已过可回复的时限，且该账号未设置通知模板",
  "too many replies in the window, and no notice is set up for this account":
    "时限内可回复的条数已用完，且该账号未设置通知模板",
  "the app does not see the receiver": "接收人不在应用的可见范围内",
  "the receiver is not there, or out of the app's sight": "接收人不存在，或不在应用的可见范围内",
  "no such member": "没有这个成员",
  "the member does not follow the corporation": "该成员未关注企业微信",
  "no such department": "没有这个部门",
  "no such tag": "没有这个标签",
  "nobody is left under the tag": "该标签下已没有成员",
  "no receiver is left": "没有可以送达的接收人",
  "invaliduser: not reached, see the app's visible range and licences":
    "未送到该成员，请检查应用的可见范围和接口许可（invaliduser）",
  "unlicenseduser: not reached, see the app's visible range and licences":
    "未送到该成员，请检查应用的可见范围和接口许可（unlicenseduser）",
  "invalidparty: not reached, see the app's visible range and licences":
    "未送到该部门，请检查应用的可见范围和接口许可（invalidparty）",
  "invalidtag: not reached, see the app's visible range and licences":
    "未送到该标签，请检查应用的可见范围和接口许可（invalidtag）",
  "the endpoint's keys cannot be used": "该浏览器的密钥无法使用",
  "the lease is over": "WebSub 订阅期已满",
  "the corp id is wrong": "企业编号（CorpID）不对",
  "the right to this call was taken back": "该接口的权限已被收回",
  // pace and quota
  "the vendor is busy": "服务方繁忙",
  "too many calls": "调用过于频繁",
  "too many calls at once": "同时调用过多",
  "too many calls in a minute": "一分钟内调用过多",
  "the day's calls are used up": "今日调用次数已用完",
  "no mass message is left": "群发次数已用完",
  "published too often": "发布过于频繁",
  "repeated too soon": "重复过快",
  "account sends too often": "微信提示操作过于频繁",
  "the account cools down: too often": "操作过于频繁，微信账号暂停发送",
  // settings and rights
  "the channel is not set up": "渠道尚未设置",
  "mail is not set up": "邮件尚未设置",
  "this host cannot send by SES": "本机不能通过 Amazon SES 发送",
  "the DKIM key does not sign": "DKIM 密钥无法签名",
  "our private key cannot be used": "本平台的推送私钥无法使用",
  "#: our key was not accepted": "HTTP #，本平台的推送密钥未获接受",
  "no bot on this host": "本机没有运行聊天机器人",
  "the secret or the token is refused": "密钥或访问令牌不正确",
  "the account id is wrong": "账号 ID 不正确",
  "the token is refused": "访问令牌不正确",
  "the token has ended": "访问令牌已过期",
  "the secret is wrong": "密钥不正确",
  "the secret is frozen": "密钥已被冻结",
  "this server's address is not on the allowlist": "本服务器的 IP 地址不在白名单内",
  "this server's address was refused for a day": "本服务器的 IP 地址被拒绝一天",
  "this server's address was refused for an hour": "本服务器的 IP 地址被拒绝一小时",
  "an administrator has to confirm this server's address": "须由管理员确认本服务器的 IP 地址",
  "the account has no right to this call": "账号没有该接口的权限",
  "the account has no right to this kind of message": "账号没有发送这种消息的权限",
  "the account may not send this kind": "账号不能发送这种消息",
  "the account may not use this": "账号不能使用该功能",
  "the right to this call is banned": "该接口的权限已被封禁",
  "the account is restricted": "账号功能受限",
  "the account is frozen": "账号已被冻结",
  "the account has not agreed to the terms of mass messages": "账号未同意群发协议",
  "the customer service is not open": "客服功能未开通",
  "the template is not there": "模板不存在",
  "the form id is wrong": "表单编号不正确",
  "the app id is wrong": "应用 ID 不正确",
  "the app id is missing": "缺少应用 ID",
  "the app id does not belong to the secret": "应用 ID 与密钥不匹配",
  "the app has no right to this call": "应用没有该接口的权限",
  "the app is switched off": "应用已停用",
  // steps of an Official Account, and of a bot
  "more calls are to be made": "还有步骤未完成，接着进行",
  "the cover is gone; another one is made": "封面图已不在，重新上传",
  "the draft is gone; it is made anew": "草稿已不在，重新建立",
  "the platform took it and named no message": "平台已接收，但没有给出消息编号",
  "the platform could not send it": "平台没有发出",
  "asked to publish before, and no answer came": "此前已提交发布，未等到回答",
  "asked to publish, and no id came back": "已提交发布，没有返回编号",
  "sent before, and no answer came": "此前已发出，未等到回答",
  "sent, no id came back": "已发出，没有返回消息编号",
  "the bot did not answer in time": "聊天机器人未及时回答",
};

/** What Node says of a connection, by the code at the head of its text. */
const CODES: Readonly<Record<string, readonly [zh: string, en: string]>> = {
  ECONNREFUSED: ["连接被拒绝", "connection refused"],
  ECONNRESET: ["连接被对方重置", "connection reset"],
  ECONNECTION: ["连接失败", "no connection"],
  ETIMEDOUT: ["连接超时", "time-out"],
  ESOCKET: ["连接出错", "connection broken"],
  EHOSTUNREACH: ["找不到通往对方的路由", "no route to the host"],
  ENETUNREACH: ["网络不通", "network unreachable"],
  ENOTFOUND: ["域名无法解析", "no such name"],
  EAI_AGAIN: ["域名暂时无法解析", "the name cannot be looked up now"],
  EDNS: ["域名无法解析", "the name cannot be looked up"],
  EPIPE: ["连接已被对方关闭", "connection closed"],
  ETLS: ["加密连接（TLS）失败", "TLS failed"],
  EAUTH: ["登录被拒绝", "sign-in refused"],
  ENOAUTH: ["没有可用的登录方式", "no way to sign in"],
  EGRESS_REFUSED: ["该地址在禁止访问的网段内，未连接", "address not allowed"],
};

const ERRCODE = /^errcode (-?\d+)(?:: (.+))?$/s;
const CODE = /^code (-?\d+)(?:: (.+))?$/s;
const NUMBERS = /\d+/g;

/** Our own words in Chinese; undefined for what others said. */
export function ownWords(error: string): string | undefined {
  const known = OURS[error.replaceAll(NUMBERS, "#")];
  if (known === undefined) return undefined;
  const numbers = error.match(NUMBERS) ?? [];
  return known.replaceAll("#", () => numbers.shift() ?? "");
}

/** An attempt's error in the reader's language: our own words are worded, what others said stands as it is, as a quotation. */
export function errorWords(view: View, error: string): Html {
  const { t } = view;
  const own = ownWords(error);
  if (own !== undefined) return html`${t(own, error)}`;
  const [, errcode, meaning] = ERRCODE.exec(error) ?? [];
  if (errcode !== undefined) return coded(view, errcode, meaning && said(view, meaning));
  const [, code, message] = CODE.exec(error) ?? [];
  if (code !== undefined) return coded(view, code, message && quoted(view, message));
  const named = CODES[error.split(" ", 1)[0] ?? ""];
  if (named) return html`${t(...named)} <span class="code" lang="en">${error}</span>`;
  return quoted(view, error);
}

function coded(view: View, code: string, words: Html | string | undefined): Html {
  return html`${view.t("错误码", "code")} <span class="code">${code}</span>${words ? html`${view.t("：", ": ")}${words}` : NOTHING}`;
}

function said(view: View, words: string): Html {
  const own = ownWords(words);
  return own === undefined ? quoted(view, words) : html`${view.t(own, words)}`;
}

function quoted(view: View, words: string): Html {
  return html`${view.t("对方原话：“", "they said: “")}<span lang="">${words}</span>${view.t("”", "”")}`;
}
