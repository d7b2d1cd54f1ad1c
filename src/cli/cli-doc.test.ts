import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "./program.js";

const page = new URL("../../docs/cli.md", import.meta.url);

/** The help texts of all commands, one after the other, as `galley … --help` prints them. */
function describeCommand(command: Command, path: readonly string[]): string[] {
  let after = "";
  command.configureOutput({
    writeOut: (text) => {
      after += text;
    },
    getOutHelpWidth: () => 110,
  });
  command.outputHelp();
  const below = command.commands.flatMap((each) => describeCommand(each, [...path, each.name()]));
  const text = after.trim().replaceAll("```", "'''");
  return [
    `${"#".repeat(Math.min(path.length + 1, 4))} ${path.join(" ")}\n\n\`\`\`text\n${text}\n\`\`\``,
    ...below,
  ];
}

test("the page of the command line says what the help texts say", () => {
  const program = createProgram();
  const sections = program.commands.flatMap((command) => describeCommand(command, [command.name()]));
  const text = `# The command line

Written by a test (\`UPDATE_DOCS=1 npx vitest run src/cli/cli-doc.test.ts\`) from what \`galley COMMAND --help\` prints.

Everywhere: results go to stdout, everything else to stderr; \`--json\` gives one JSON document, and errors then are \`{code, message, hint}\`
([errors.md](errors.md)); colours are for terminals without \`NO_COLOR\`. \`GALLEY_URL\` and \`GALLEY_TOKEN\` go before what \`galley login\` has kept.

${sections.join("\n\n")}
`;
  if (process.env.UPDATE_DOCS) writeFileSync(page, text);
  expect(readFileSync(page, "utf8")).toBe(text);
});

test("every command has a summary, and says its exit codes or has commands below it", () => {
  const look = (command: Command): void => {
    let help = "";
    command.configureOutput({
      writeOut: (text) => {
        help += text;
      },
    });
    command.outputHelp();
    expect(command.summary(), command.name()).not.toBe("");
    if (command.commands.length === 0)
      expect(help, command.name()).toMatch(/Exit codes|galley down|Removes the/);
    command.commands.forEach(look);
  };
  createProgram().commands.forEach(look);
});
