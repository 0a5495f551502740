#!/usr/bin/env node
import { parseArgs } from "node:util";
import { apiClient, Refused } from "./client.ts";
import { COMMANDS, type Command, type Options } from "./commands.ts";

const HELP = `gaoshi <command> …

${Object.values(COMMANDS)
  .map(({ usage, does }) => `  ${usage}\n      ${does}`)
  .join("\n")}

  --url    the server (or GAOSHI_URL; default http://127.0.0.1:8787)
  --token  the bearer token (or GAOSHI_TOKEN)
  --en     messages in English
`;

const GENERAL = ["url", "token"];

async function main(argv: string[]): Promise<number> {
  const line = read(argv);
  if ("wrong" in line) return misused(line.wrong, HELP);
  const { words, options, flags } = line;
  const name = [words.slice(0, 2).join(" "), words[0] ?? ""].find((said) => Object.hasOwn(COMMANDS, said));
  const command = name === undefined ? undefined : COMMANDS[name];
  if (name === undefined || command === undefined) {
    if (words.length > 0 && words[0] !== "help" && !flags.help) return misused(`no such command: ${words[0]}`, HELP);
    process.stdout.write(HELP);
    return 0;
  }
  const usage = `gaoshi ${command.usage}\n`;
  if (flags.help) {
    process.stdout.write(`${usage}    ${command.does}\n`);
    return 0;
  }
  const arguments_ = words.slice(name.split(" ").length);
  const wrong = misuse(command, arguments_, options);
  if (wrong !== undefined) return misused(wrong, usage);
  const api = apiClient(
    options["url"] ?? process.env["GAOSHI_URL"] ?? "http://127.0.0.1:8787",
    options["token"] ?? process.env["GAOSHI_TOKEN"],
    flags.en ? "en" : "zh-CN",
  );
  console.log(JSON.stringify(await command.run(api, arguments_, options), null, 2));
  return 0;
}

type Line = { words: string[]; options: Options; flags: { en: boolean; help: boolean } };

/** The line apart: options may stand anywhere, before the command too. */
function read(argv: string[]): Line | { wrong: string } {
  const named = Object.values(COMMANDS).flatMap(({ options }) => options.map(nameOf));
  try {
    const { values, positionals } = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        ...Object.fromEntries([...named, ...GENERAL].map((option) => [option, { type: "string" as const }])),
        en: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
    const { en = false, help = false, ...options } = values as { en?: boolean; help?: boolean } & Options;
    return { words: positionals, options: options as Options, flags: { en, help } };
  } catch (error) {
    return { wrong: String(error instanceof Error ? error.message : error) };
  }
}

/** What is wrong with the words and options of a command; `-` among the forms of a word means it may be left out. */
function misuse({ usage, options }: Command, words: string[], given: Options): string | undefined {
  const places = usage.match(/<[^>]+>/g) ?? [];
  const needed = places.filter((place) => !place.includes("-"));
  const missing = options.find((option) => option.endsWith("!") && !given[nameOf(option)]);
  if (missing !== undefined) return `--${nameOf(missing)} is needed`;
  if (words.length < needed.length) return `${needed[words.length]} is needed`;
  if (words.length > places.length) return `one word too many: ${words[places.length]}`;
  const foreign = Object.keys(given).find((name) => !GENERAL.includes(name) && !options.map(nameOf).includes(name));
  return foreign === undefined ? undefined : `--${foreign} has no meaning here`;
}

function nameOf(option: string): string {
  return option.replace("!", "");
}

function misused(wrong: string, usage: string): number {
  process.stderr.write(`${wrong}\n${usage}`);
  return 2;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof Refused ? message : `gaoshi: ${message}`}\n`);
  process.exitCode = 1;
}
