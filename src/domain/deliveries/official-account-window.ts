import type { WindowRule } from "./reply-window.ts";

/**
 * When an Official Account may write to a follower (WX customer service messages, rule of 2023-06-12): five messages in
 * 48 hours after one of theirs, three in a minute after a menu, a follow or a scan. A little less, for the way there.
 */
export const OFFICIAL_ACCOUNT_WINDOW: WindowRule = {
  message: { seconds: 48 * 3600 - 300, messages: 5 },
  action: { seconds: 55, messages: 3 },
};
