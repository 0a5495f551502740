import type { Config } from "#src/config.ts";
import type { Links } from "#src/domain/deliveries/channel.ts";

/** Links as pushes carry them. */
export function linksOf({ config }: { config: Pick<Config, "baseUrl"> }): Links {
  return {
    announcement: (id) => `${config.baseUrl}/announcements/${id}`,
    confirm: (subscriptionId, challenge) =>
      `${config.baseUrl}/confirm?${new URLSearchParams({ s: subscriptionId, c: challenge })}`,
    source: config.baseUrl,
  };
}
