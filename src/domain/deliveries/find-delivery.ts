import { AppError } from "#src/errors.ts";
import type { Table } from "#src/platform/table.ts";
import { type FoundMember, findMember } from "./find-member.ts";
import { type Fanout, findFanout } from "./store.ts";

export type FoundDelivery = { fanout: Fanout; found: FoundMember; endpoint: string };

/** The delivery of an id (`deliveryId`); AppError "not-found" when there is none. */
export async function findDelivery(table: Table, id: string): Promise<FoundDelivery> {
  const [announcementId = "", revision = "", endpoint = "", ...more] = id.split(".");
  const number = /^[1-9]\d{0,5}$/.test(revision) && more.length === 0 ? Number(revision) : 0;
  const fanout = number > 0 ? await findFanout(table, announcementId, number) : undefined;
  const found = fanout && (await findMember(table, fanout, endpoint));
  if (!found) throw new AppError("not-found", "NOT_FOUND", { zh: "没有这条推送", en: "there is no such delivery" });
  return { fanout, found, endpoint };
}
