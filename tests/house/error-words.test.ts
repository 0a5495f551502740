import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { whyUnreachable } from "#src/channels/outgoing.ts";
import { ownWords } from "#src/web/pages/error-words.ts";

/** Where a channel, or what runs it, writes the detail of an outcome as a text of its own. */
const WRITTEN = [
  /\b(?:detail|error): "([^"]+)"/g,
  /\["(?:busy|minute|day|month|broken|gone|refused|setup)", "([^"]+)"\]/g,
  /\b(?:notSetUp|paused)\(\s*"([^"]+)"/g,
  /\bdetail \|\| "([^"]+)"/g,
  /\b[A-Z_]+_FAILED = "([^"]+)"/g,
];
/** Not attempts: the guard's own error, which `whyUnreachable` words, and what `Outgoing` says to channels. */
const ELSEWHERE = new Set(["time-out", "broken", "410"]);

function texts(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  return files.flatMap((name) => {
    const source = readFileSync(`${folder}/${name}`, "utf8");
    return WRITTEN.flatMap((written) => [...source.matchAll(written)].map(([, text = ""]) => text));
  });
}

it("every error that we word ourselves stands on the console in Chinese as well", () => {
  const found = ["src/channels", "src/domain/deliveries"].flatMap(texts).filter((text) => !ELSEWHERE.has(text));
  expect(found.length).toBeGreaterThan(100);
  const bare = found.map((text) => text.replace(/^errcode \d+: /, ""));
  expect(bare.filter((text) => !/\p{Script=Han}/u.test(ownWords(text) ?? ""))).toEqual([]);
});

it("so do those that are put together", () => {
  const made = [
    ...[true, false].map((refused) => whyUnreachable({ kind: "unreachable", refused })),
    ...["no answer in time", "connection broken"],
    ...["empty", "html", "truncated", "no json", "no code"].map((what) => `502, ${what}`),
    ...["200 with code 0", "an answer that cannot be read (HTTP 500)", "larger than 20480 bytes"],
    ...["403: our key was not accepted", "no media_id in the answer"],
    ...["the access token is being renewed", "the access token could not be fetched"],
    "the vendor refuses the access token that it hands out",
    ...["invaliduser", "unlicenseduser", "invalidparty", "invalidtag"].map(
      (list) => `${list}: not reached, see the app's visible range and licences`,
    ),
  ];
  for (const text of made) expect(ownWords(text), text).toMatch(/\p{Script=Han}/u);
  expect(ownWords("larger than 20480 bytes")).toBe("消息超过20480字节");
  expect(ownWords("200 with code 0")).toBe("HTTP 200，结果代码却是0，自相矛盾");
  expect(ownWords("550 5.7.1 rejected by policy")).toBeUndefined();
});
