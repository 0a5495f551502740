import type { ErrorTable } from "./wechat-errors.ts";

const OF_ACCOUNT: ErrorTable = {
  40003: ["gone", "no such follower"],
  43004: ["gone", "follows no longer"],
  43019: ["gone", "is on the blocklist"],
  50005: ["gone", "follows no longer"],
  48002: ["gone", "takes no messages of this account"],
  43101: ["refused", "did not agree to this notice, or took the consent back"],
  45015: ["refused", "outside the reply window"],
  45047: ["refused", "too many replies in the window"],
  40007: ["broken", "the media is not there"],
  40008: ["broken", "the kind of message is not known"],
  40037: ["setup", "the template is not there"],
  40130: ["broken", "fewer than two receivers"],
  41028: ["setup", "the form id is wrong"],
  45028: ["day", "no mass message is left"],
  45067: ["broken", "the message's own id is too long"],
  45064: ["setup", "the account may not send this kind"],
  45166: ["broken", "the content is not acceptable"],
  47003: ["broken", "a field of the template does not fit"],
  48003: ["setup", "the account has not agreed to the terms of mass messages"],
  48008: ["setup", "the account has no right to this kind of message"],
  50001: ["setup", "the account has no right to this call"],
  50004: ["setup", "the account may not use this"],
  50007: ["setup", "the account is frozen"],
  53501: ["minute", "published too often"],
  53503: ["broken", "the draft did not pass the check"],
  53504: ["broken", "the platform wants this published by hand"],
  53505: ["broken", "the platform wants the draft saved by hand first"],
  61450: ["setup", "the account is restricted"],
  65400: ["setup", "the customer service is not open"],
  89503: ["setup", "an administrator has to confirm this server's address"],
  89506: ["setup", "this server's address was refused for a day"],
  89507: ["setup", "this server's address was refused for an hour"],
};

const OF_SERVICE_ACCOUNT: ErrorTable = { ...OF_ACCOUNT, 45028: ["month", "no mass message is left"] };

/** Codes of 公众号 and 服务号 (WX global return codes); a 服务号 counts its mass messages by the month. */
export function accountErrors(kind: "subscription" | "service"): ErrorTable {
  return kind === "service" ? OF_SERVICE_ACCOUNT : OF_ACCOUNT;
}
