import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTimeZone } from "#src/domain/calendar/zones.ts";
import { quietUntil } from "#src/domain/deliveries/hold.ts";
import { deliveriesTo } from "#src/domain/deliveries/list.ts";
import { NewSubscription } from "#src/domain/subscriptions/new-subscription.ts";
import { pushWorld } from "./push-world.ts";

const MINUTE = 60_000;

/** What a wall clock there shows, asked of Intl the plain way. */
function wall(zone: string, at: number): string {
  return new Date(at).toLocaleTimeString("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
}

const within = ({ from, to }: { from: string; to: string }, clock: string) =>
  from < to ? clock >= from && clock < to : clock >= from || clock < to;

const ZONES = [
  "Asia/Shanghai",
  "Asia/Urumqi",
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe", // half an hour of daylight saving
  "Asia/Kathmandu",
  "America/St_Johns",
  "Africa/Casablanca",
  "Pacific/Apia",
  "UTC",
];
const clock = fc.integer({ min: 0, max: 1439 }).map((minute) => {
  const two = (n: number) => String(n).padStart(2, "0");
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
});

describe("quiet hours in a reader's own time zone", () => {
  it("end at the first minute whose clock is outside, whatever the zone does to its clocks", () => {
    // Around the changes of 2026 as well as on any other day.
    const changes = ["2026-03-29T01:00Z", "2026-10-25T01:00Z", "2026-03-08T07:00Z", "2026-11-01T06:00Z"]
      .concat("2026-04-04T15:00Z", "2026-10-03T15:30Z", "2026-02-15T02:00Z", "2026-03-22T02:00Z")
      .map((at) => Date.parse(at));
    const instant = fc.oneof(
      fc.tuple(fc.constantFrom(...changes), fc.integer({ min: -1500, max: 300 })).map(([at, off]) => at + off * MINUTE),
      fc.integer({ min: Date.parse("2026-01-01"), max: Date.parse("2027-01-01") }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), clock, clock, instant, (timeZone, from, to, at) => {
        fc.pre(from !== to);
        const until = quietUntil({ from, to, timeZone }, new Date(at));
        if (!within({ from, to }, wall(timeZone, at))) return until === undefined;
        let end = Math.floor(at / MINUTE) * MINUTE;
        while (within({ from, to }, wall(timeZone, end)) && end < at + 30 * 3_600_000) end += MINUTE;
        return until?.getTime() === end;
      }),
      { numRuns: 300 },
    );
  }, 60_000);

  it("end with the leap of an hour that does not exist, and are quiet in both halves of one that comes twice", () => {
    const berlin = (from: string, to: string) => ({ from, to, timeZone: "Europe/Berlin" });
    const until = (quiet: ReturnType<typeof berlin>, at: string) => quietUntil(quiet, new Date(at))?.toISOString();
    expect(until(berlin("22:00", "02:30"), "2026-03-28T23:00:00Z")).toBe("2026-03-29T01:00:00.000Z");
    expect(until(berlin("02:00", "04:00"), "2026-10-25T00:30:00Z")).toBe("2026-10-25T03:00:00.000Z");
    expect(until(berlin("22:00", "07:00"), "2026-10-24T21:00:00Z")).toBe("2026-10-25T06:00:00.000Z");
    expect(until(berlin("22:00", "07:00"), "2026-07-24T21:00:00Z")).toBe("2026-07-25T05:00:00.000Z");
  });

  it("take IANA names only", () => {
    for (const name of ["Asia/Shanghai", "America/Argentina/Buenos_Aires", "UTC", "Etc/GMT+8"])
      expect(isTimeZone(name), name).toBe(true);
    for (const name of ["", "+08:00", "Mars/Olympus", "北京", "Asia/Shanghai ", "../etc/passwd", "x".repeat(65)])
      expect(isTimeZone(name), name).toBe(false);
    const wish = (timeZone: string) =>
      NewSubscription.safeParse({
        endpoint: { channel: "webhook", address: "https://a.example/" },
        topics: ["all"],
        quietHours: { from: "22:00", to: "07:00", timeZone },
      });
    expect(wish("Europe/Berlin").data?.quietHours?.timeZone).toBe("Europe/Berlin");
    for (const name of ["UTC", "PRC", "CET"]) expect(wish(name).success, name).toBe(true);
    for (const name of ["CST", "cst", "IST", "BST"])
      expect(wish(name).error?.issues[0]?.path, name).toEqual(["quietHours", "timeZone"]);
    expect(wish("Berlin").error?.issues[0]?.path).toEqual(["quietHours", "timeZone"]);
  });

  it("hold a push until that reader's morning", async () => {
    const world = pushWorld(); // 03:00 in Berlin, 10:00 in Shanghai
    const quietHours = { from: "22:00", to: "07:00", timeZone: "Europe/Berlin" };
    const berlin = await world.subscribe("https://example.org/berlin", { quietHours });
    await world.subscribe("https://example.org/shanghai", { quietHours: { from: "22:00", to: "07:00" } });
    await world.publish();
    await world.drain();
    expect(world.channels.webhook.seen.map(({ target }) => target.address)).toEqual(["https://example.org/shanghai"]);
    const [row] = await deliveriesTo(world.deps, "ann_00000000000000000000000001", 1, berlin.endpoint);
    expect(row).toMatchObject({ state: "held", heldFor: "quiet hours", dueAt: "2026-03-02T06:00:00.000Z" });
    await world.live(4 * 3600 + 120, 60);
    expect(new Date(world.channels.webhook.seen[1]?.at ?? 0).toISOString()).toMatch(/^2026-03-02T06:0[01]/);
  });
});
