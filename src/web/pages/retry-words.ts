import type { DeliveryRow } from "#src/domain/deliveries/list.ts";
import type { RetryAllAsked } from "#src/domain/deliveries/retry-all.ts";
import type { Text } from "#src/text.ts";

/** What came of "send all that failed again": how many go out, how many do not and why. */
export function retryAllWords({ deliveries, leftOut, unchecked, quietHoursHold }: RetryAllAsked): Text {
  const out = leftOut.ended + leftOut.servedInstead;
  const none = deliveries === 0 && out > 0;
  const zh = [none ? "没有可以重试的推送。" : `正在重试${deliveries}条推送。`];
  const en = [none ? "There is nothing to try again." : pushes(deliveries)];
  if (unchecked > 0) {
    zh.push(`其中${unchecked}条轮到时再核对，订阅已结束的不推送。`);
    en.push(`${unchecked} of them are looked at when their turn comes, and left out if their subscription has ended.`);
  }
  if (out > 0) {
    const { ended, servedInstead } = leftOut;
    const why: Text[] = [];
    if (ended > 0) why.push({ zh: `${ended}条的订阅已结束`, en: `${ended} whose subscription has ended` });
    if (servedInstead > 0)
      why.push({ zh: `${servedInstead}条已由备用接收端代收`, en: `${servedInstead} that a fallback got instead` });
    zh.push(`${out}条不再推送：${why.map((one) => one.zh).join("，")}。`);
    en.push(`${out} ${out === 1 ? "is" : "are"} left out: ${why.map((one) => one.en).join(", ")}.`);
  }
  if (quietHoursHold && deliveries > 0) {
    zh.push("接收人正处于免打扰时段的，到时段结束时推送。");
    en.push("Readers who have quiet hours now get theirs when those end.");
  }
  return { zh: zh.join(""), en: en.join(" ") };
}

const pushes = (count: number) =>
  count === 1 ? "1 push is being tried again." : `${count} pushes are being tried again.`;

/** What came of a finding about one delivery. */
export function settledWords({ afterChunk }: Pick<DeliveryRow, "afterChunk">): Text {
  if (!afterChunk) return { zh: "已认定，依据已记录。", en: "Settled; the reason is on record." };
  return {
    zh: "依据已收下。同一批的其他推送正在进行，完成后立即认定。",
    en: "Your reason is kept. Others of its chunk are being sent; it is settled as soon as they are done.",
  };
}
