import type { Text } from "#src/text.ts";
import type { EndReason } from "./subscription.ts";

/** Why an endpoint ended, for people; in brackets behind a sentence or before a count. */
export const END_WORDS: Readonly<Record<EndReason, Text>> = {
  gone: { zh: "地址已失效", en: "the address is gone" },
  bounced: { zh: "被退回", en: "its mail bounced" },
  complained: { zh: "被投诉", en: "its reader complained of it as unwanted" },
  blocked: { zh: "已屏蔽", en: "its reader blocked the sender" },
  unsubscribed: { zh: "自行退订", en: "its reader unsubscribed" },
  renewed: { zh: "已换新订阅", en: "a newer subscription replaced it" },
  retired: { zh: "测试接收端已更换", en: "a test endpoint that was changed" },
  failing: { zh: "连续失败停用", en: "it kept failing and was switched off" },
};
