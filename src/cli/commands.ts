import { randomUUID } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Client } from "./client.ts";

export type Options = Record<string, string | undefined>;
export type Command = {
  usage: string;
  does: string;
  /** Named options it takes; `!` marks one it cannot do without. */
  options: string[];
  run: (api: Client, words: string[], options: Options) => Promise<unknown>;
};

const BATCH = 500;

function input(file: string | undefined): string {
  return readFileSync(file === undefined || file === "-" ? 0 : file, "utf8");
}

function jsonIn(file: string | undefined): unknown {
  const text = input(file);
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${file ?? "-"} is not JSON`);
  }
}

/** The call of one announcement, whatever was typed as its id. */
function announcement(id: string | undefined, call = ""): string {
  return `/announcements/${encodeURIComponent(id ?? "")}${call}`;
}

const creating = () => ({ headers: { "idempotency-key": randomUUID() } });

/** The content hash to decide on: the one given, or that of the announcement as it stands now. */
async function hashOf(api: Client, id: string, options: Options): Promise<unknown> {
  return options["hash"] ?? (await api("GET", announcement(id))).body["contentHash"];
}

async function importSubscriptions(api: Client, file: string | undefined): Promise<unknown> {
  const source = file === undefined || file === "-" ? process.stdin : createReadStream(file);
  const total = { accepted: 0, rejected: 0, errors: [] as unknown[] };
  let batch: string[] = [];
  let before = 0;
  const send = async () => {
    if (batch.length === 0) return;
    const { body } = await api("POST", "/subscriptions/import", {
      bytes: batch.join("\n"),
      type: "application/x-ndjson",
    });
    total.accepted += Number(body["accepted"]);
    total.rejected += Number(body["rejected"]);
    for (const error of (body["errors"] ?? []) as { line: number }[])
      total.errors.push({ ...error, line: error.line + before });
    before += batch.length;
    batch = [];
    process.stderr.write(`\r${before} lines, ${total.rejected} refused`);
  };
  for await (const line of createInterface({ input: source })) {
    batch.push(line);
    if (batch.length === BATCH) await send();
  }
  await send();
  process.stderr.write("\n");
  return total;
}

export const COMMANDS: Record<string, Command> = {
  "report file": {
    usage: "report file <case.json | ->",
    does: "sends in a case; prints the receipt, number and secret, once",
    options: [],
    run: async (api, [file]) => (await api("POST", "/cases", { json: jsonIn(file), ...creating() })).body,
  },
  "report status": {
    usage: "report status <number> <secret>",
    does: "shows the public history of a case",
    options: [],
    run: async (api, [number, secret]) => (await api("POST", "/cases/status", { json: { number, secret } })).body,
  },
  "import page": {
    usage: "import page [--unit …] <page.txt | ->",
    does: "makes a draft annual report from the text of a published page; prints what is missing",
    options: ["unit"],
    run: async (api, [file], { unit }) =>
      (
        await api("POST", `/annual-reports/import${unit ? `?unit=${encodeURIComponent(unit)}` : ""}`, {
          bytes: input(file),
          type: "text/plain; charset=utf-8",
          ...creating(),
        })
      ).body,
  },
  "announce draft": {
    usage:
      "announce draft --title … --column … --unit … [--summary …] [--tags a,b] [--urgency …] [--language en] <body.md | ->",
    does: "makes a draft; the body is Markdown",
    options: ["title!", "column!", "unit!", "summary", "tags", "urgency", "language"],
    run: async (api, [file], { title, column, unit, summary, tags, urgency, language }) =>
      (
        await api("POST", "/announcements", {
          json: { title, column, unitId: unit, summary, tags: tags?.split(","), urgency, language, body: input(file) },
          ...creating(),
        })
      ).body,
  },
  "announce publish": {
    usage: "announce publish <id> [--hash …] [--at …]",
    does: "publishes what was approved, now or at a time",
    options: ["hash", "at"],
    run: async (api, [id = ""], options) =>
      (
        await api("POST", announcement(id, "/publish"), {
          json: { contentHash: await hashOf(api, id, options), at: options["at"] },
        })
      ).body,
  },
  "announce correct": {
    usage: "announce correct <id> --reason … [--hash …] [--title …] [--summary …] [<body.md | ->]",
    does: "publishes the next revision: with this text, or with the one that was prepared and reviewed",
    options: ["reason!", "hash", "title", "summary"],
    run: async (api, [id = "", file], options) => {
      const { reason, title, summary } = options;
      const contentHash = await hashOf(api, id, options);
      const body = file === undefined ? undefined : input(file);
      return (await api("POST", announcement(id, "/correct"), { json: { contentHash, reason, title, summary, body } }))
        .body;
    },
  },
  "announce withdraw": {
    usage: "announce withdraw <id> --reason …",
    does: "takes an announcement back and tells everybody who saw it",
    options: ["reason!"],
    run: async (api, [id = ""], { reason }) =>
      (await api("POST", announcement(id, "/withdraw"), { json: { reason } })).body,
  },
  "subscribe import": {
    usage: "subscribe import <subscriptions.ndjson | ->",
    does: "signs up endpoints, one JSON object a line; a bad line refuses that line only",
    options: [],
    run: (api, [file]) => importSubscriptions(api, file),
  },
  "subscribe list": {
    usage: "subscribe list [--cursor …]",
    does: "lists subscriptions, a hundred at a time; `next` is the cursor of the following ones",
    options: ["cursor"],
    run: async (api, _words, { cursor }) =>
      (await api("GET", `/subscriptions?limit=100${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`)).body,
  },
  ledger: {
    usage: "ledger <announcement id>",
    does: "shows how many matched, and what became of each",
    options: [],
    run: async (api, [id]) => (await api("GET", announcement(id, "/ledger"))).body,
  },
  token: {
    usage: "token --name … --roles clerk,editor [--unit …]",
    does: "makes a token; it is shown once",
    options: ["name!", "roles!", "unit"],
    run: async (api, _words, { name, roles, unit }) =>
      (await api("POST", "/tokens", { json: { name, roles: roles?.split(","), unitId: unit }, ...creating() })).body,
  },
};
