const COLOUR = process.stdout.isTTY && !process.env["NO_COLOR"];
const paint = (code: number) => (text: string) => (COLOUR ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, red, green, yellow, cyan] = [paint(1), paint(2), paint(31), paint(32), paint(33), paint(36)];

type Counts = Record<"matched" | "delivered" | "suppressed" | "failed" | "unknown" | "held" | "waiting", number>;
export type LedgerShown = Counts & { closed: boolean; channels: Record<string, Counts> };

/** A Chinese character takes two cells of a terminal. */
function cells(text: string): number {
  return [...text].reduce((sum, c) => sum + ((c.codePointAt(0) ?? 0) > 0x2e7f ? 2 : 1), 0);
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - cells(text)));
}

/** What the demo says while it runs. Pushes carry the time since the publication was asked for. */
export function timeline(print: (line: string) => void) {
  let began = 0;
  const since = () => `+${((performance.now() - began) / 1000).toFixed(3)} s`;
  const push = (channel: string, to: string, said: string) =>
    print(`  ${cyan(since().padStart(10))}  ${padded(channel, 9)} ${padded(to, 22)} ${said}`);
  return {
    title: (url: string) => print(`\n  ${bold("告示 Gaoshi")}  ${url}\n`),
    chapter: (zh: string, en: string) => print(`\n  ${bold(red(zh))}  ${dim(en)}`),
    step: (zh: string, en: string) => print(`    ${green("✓")} ${padded(zh, 52)} ${dim(en)}`),
    warning: (zh: string, code: string) => print(`    ${yellow("!")} ${padded(zh, 52)} ${yellow(code)}`),
    start: () => {
      began = performance.now();
    },
    webhook: (name: string, valid: boolean) =>
      push("webhook", name, valid ? green("签名有效 signature valid") : red("签名无效 signature INVALID")),
    chat: (to: string, text: string) => push("wechaty", to.includes("@") ? "网信员工作群" : "值班员", text),
    ledger: (ledger: LedgerShown) => {
      print(`\n  ${bold(red("台账"))}  ${dim("the ledger adds up")}`);
      const names = ["matched", "delivered", "suppressed", "failed", "unknown", "held", "waiting"] as const;
      print(`    ${dim([padded("", 9), ...names.map((name) => name.padStart(10))].join(" "))}`);
      for (const [channel, counts] of [...Object.entries(ledger.channels), ["合计 sum", ledger] as const])
        print(`    ${[padded(channel, 9), ...names.map((name) => String(counts[name]).padStart(10))].join(" ")}`);
      print(`    ${ledger.closed ? green("✓ 已结清 closed") : yellow("未结清 still open")}`);
    },
    footer: (links: [url: string, zh: string, en: string][]) => {
      print("");
      for (const [url, zh, en] of links) print(`  ${padded(zh, 8)} ${url}  ${dim(en)}`);
      print(dim("\n  Ctrl-C 结束并删除数据  Ctrl-C ends it and removes the data\n"));
    },
  };
}
