#!/usr/bin/env node
import { parseArgs } from "node:util";
import { apiClient, Refused } from "./client.ts";
import { COMMANDS, type Options } from "./commands.ts";

const HELP = `gaoshi <command> …

${Object.values(COMMANDS)
  .map(({ usage, does }) => `  ${usage}\n      ${does}`)
  .join("\n")}

  --url    the server (or GAOSHI_URL; default http://127.0.0.1:8787)
  --token  the bearer token (or GAOSHI_TOKEN)
  --en     messages in English
`;

async function main(argv: string[]): Promise<number> {
  const name = Object.keys(COMMANDS).find((command) => argv.join(" ").startsWith(command));
  const command = name === undefined ? undefined : COMMANDS[name];
  if (name === undefined || command === undefined) {
    const asked = argv.length === 0 || argv.includes("--help") || argv[0] === "help";
    process[asked ? "stdout" : "stderr"].write(HELP);
    return asked ? 0 : 2;
  }
  const named = command.options.map((option) => option.replace("!", ""));
  const { values, positionals } = parseArgs({
    args: argv.slice(name.split(" ").length),
    allowPositionals: true,
    options: {
      ...Object.fromEntries([...named, "url", "token"].map((option) => [option, { type: "string" as const }])),
      en: { type: "boolean" as const },
    },
  });
  const options = values as Options;
  const missing = command.options.filter((option) => option.endsWith("!") && !options[option.slice(0, -1)]);
  const arguments_ = (command.usage.match(/(?<= )<[^>]+>/g) ?? []).filter((word) => !word.includes("-"));
  if (missing.length > 0 || positionals.length < arguments_.length) {
    process.stderr.write(`gaoshi ${command.usage}\n`);
    return 2;
  }
  const api = apiClient(
    options["url"] ?? process.env["GAOSHI_URL"] ?? "http://127.0.0.1:8787",
    options["token"] ?? process.env["GAOSHI_TOKEN"],
    values["en"] ? "en" : "zh-CN",
  );
  console.log(JSON.stringify(await command.run(api, positionals, options), null, 2));
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof Refused || !(error instanceof Error) ? message : `gaoshi: ${message}`}\n`);
  process.exitCode = 1;
}
