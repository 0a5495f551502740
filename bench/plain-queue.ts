// A day's work by a good developer, the other floor: a row per delivery before the first push, so many workers, done rows marked
// two hundred at a time, three tries. SQLite as synced as ours, the same client; nothing signed, nothing to look up later.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";

const [url = "", count = "0", inFlight = "64", subject = "plain"] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "plain-queue-"));
const db = new DatabaseSync(join(folder, "queue.sqlite"));
db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
  CREATE TABLE subscribers (id INTEGER PRIMARY KEY, url TEXT);
  CREATE TABLE publications (id INTEGER PRIMARY KEY, body TEXT);
  CREATE TABLE deliveries (publication INTEGER, subscriber INTEGER, done INTEGER DEFAULT 0, PRIMARY KEY (publication, subscriber)) WITHOUT ROWID;`);
const publish = db.prepare("INSERT INTO publications (body) VALUES (?)");
const queue = db.prepare("INSERT INTO deliveries (publication, subscriber) SELECT ?, id FROM subscribers");
const open = db.prepare(
  "SELECT s.id, s.url FROM deliveries d JOIN subscribers s ON s.id = d.subscriber WHERE d.publication = ? AND d.done = 0",
);
const mark = db.prepare("UPDATE deliveries SET done = 1 WHERE publication = ? AND subscriber = ?");
const dispatcher = new Agent({ connections: Number(inFlight), pipelining: 1 });

function together(work: () => void): void {
  db.exec("BEGIN");
  work();
  db.exec("COMMIT");
}

/** Answers when the publication began (milliseconds since 1970). */
async function round(about: string): Promise<number> {
  const body = `{"subject":"${about}","pad":"${"x".repeat(900)}"}`;
  const begin = performance.timeOrigin + performance.now();
  let id = 0;
  together(() => {
    id = Number(publish.run(body).lastInsertRowid);
    queue.run(id);
  });
  const rows = open.all(id) as { id: number; url: string }[];
  let done: number[] = [];
  const save = () => {
    const ids = done;
    done = [];
    if (ids.length > 0) together(() => ids.forEach((one) => void mark.run(id, one)));
  };
  const worker = async () => {
    for (let row = rows.shift(); row; row = rows.shift()) {
      for (let tries = 0; tries < 3; tries++) {
        const headers = { "content-type": "application/json" };
        const answer = await request(row.url, { method: "POST", body, headers, dispatcher }).catch(() => undefined);
        await answer?.body.dump();
        if (answer && answer.statusCode < 300) break;
        await sleep(50 << tries);
      }
      done.push(row.id);
      if (done.length >= 200) save();
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
  save();
  return begin;
}

const subscribe = db.prepare("INSERT INTO subscribers (url) VALUES (?)");
together(() => {
  for (let i = 0; i < Number(count); i++) subscribe.run(`${url}/${i}`);
});
// The server it is compared with has run for a while too.
await round(`${subject}-warm-up`);
const cpu = process.cpuUsage();
const begin = await round(subject);
const { user, system } = process.cpuUsage(cpu);
const peak = process.resourceUsage().maxRSS / 1024;
console.log(JSON.stringify({ begin, cpuPerPush: (user + system) / Number(count), peak }));
await dispatcher.close();
db.close();
rmSync(folder, { recursive: true });
