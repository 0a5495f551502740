import type { Channel } from "#src/domain/deliveries/channel.ts";

/** The secret rule of a channel on which nothing of ours is signed: none is made, and one that somebody names is refused. */
export const noSecret: NonNullable<Channel["secret"]> = (text) => {
  if (text === undefined) return { secrets: [] };
  const detail = { zh: "该渠道不用密钥，请去掉这一项", en: "this channel has no secret; leave this out" };
  return { errors: [{ pointer: "/endpoint/secret", code: "SECRET_NOT_USED", detail }] };
};
