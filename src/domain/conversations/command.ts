import type { Language } from "#src/text.ts";

export const COMMANDS = [
  "help",
  "subscribe",
  "unsubscribe",
  "columns",
  "latest",
  "search",
  "report",
  "progress",
  "address",
  "stop",
] as const;
export type CommandName = (typeof COMMANDS)[number];

/** `rest`: what follows the command. `joined`: it follows without a space, so it may be a word that only begins alike. */
export type Command = { name: CommandName; rest: string; joined: boolean; language: Language };

const WORDS: Record<CommandName, { zh: string[]; en: string[] }> = {
  help: { zh: ["帮助", "幫助", "命令", "?"], en: ["help"] },
  subscribe: { zh: ["订阅", "訂閱"], en: ["subscribe"] },
  unsubscribe: { zh: ["退订", "退訂", "取消订阅", "取消訂閱"], en: ["unsubscribe"] },
  columns: { zh: ["栏目", "欄目"], en: ["columns"] },
  latest: { zh: ["最新"], en: ["latest"] },
  search: { zh: ["搜索", "搜尋"], en: ["search"] },
  report: { zh: ["举报", "舉報", "反映"], en: ["report"] },
  progress: { zh: ["进度", "進度"], en: ["progress"] },
  address: { zh: ["地址"], en: ["address"] },
  stop: { zh: ["停止"], en: ["stop"] },
};

/** Commands that stand alone; words behind them make it an ordinary sentence. */
const ALONE: readonly CommandName[] = ["help", "columns", "address", "stop"];
const LONGEST = 400;

const BETWEEN = /^[\s:,、;]+/u;
const AROUND = /^[\s"'“”‘’「」『』《》〈〉<>【】[\]()]+|[\s"'“”‘’「」『』《》〈〉<>【】[\]()。.!?~,、;]+$/gu;

/** The command that these words (as `heard` gives them) are; undefined: they are none of ours. */
export function readCommand(words: string): Command | undefined {
  if (words.length > LONGEST) return undefined;
  const folded = words.toLowerCase();
  for (const name of COMMANDS)
    for (const [language, list] of [
      ["zh-CN", WORDS[name].zh],
      ["en", WORDS[name].en],
    ] as const) {
      const word = list.find((one) => folded.startsWith(one));
      if (word === undefined) continue;
      const behind = words.slice(word.length);
      const joined = behind !== "" && !BETWEEN.test(behind);
      const rest = behind.replace(BETWEEN, "").replace(AROUND, "");
      if (joined && rest !== "" && (language === "en" || ALONE.includes(name))) continue;
      if (ALONE.includes(name) && rest !== "") continue;
      return { name, rest, joined: joined && rest !== "", language };
    }
  return undefined;
}
