// Every command of the documents is one that there is, with flags that there are, and one that a test runs.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "./program.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md") && name !== "cli.md")
    .map((name) => `docs/${name}`),
];

interface Mentioned {
  readonly page: string;
  /** Without `galley`. */
  readonly words: readonly string[];
  /** A line to paste, which has all that it needs. */
  readonly whole: boolean;
}

function mentioned(page: string): Mentioned[] {
  const text = read(page);
  const found = (pattern: RegExp, whole: boolean) =>
    [...text.matchAll(pattern)].map(([, line = ""]) => ({
      page,
      whole,
      words: line.trim().split(/\s+/),
    }));
  return [
    ...found(/^\$ (?:npx )?galley (.*?)(?:\s{2,}#.*)?$/gm, true),
    ...found(/`galley ([a-z-][^`]*)`/g, false),
  ];
}

/** What a line of the documents calls, and the words that are left. */
function resolve(words: readonly string[]): { command: Command; path: string[]; rest: readonly string[] } {
  let command = createProgram();
  const path: string[] = [];
  let rest = words;
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (!next) return { command, path, rest };
    path.push(next.name());
    command = next;
    rest = rest.slice(1);
  }
}

/** Of a group: those of all its commands. */
const flagsOf = ({ options, commands }: Command): (string | undefined)[] => [
  ...options.map(({ long }) => long),
  ...commands.flatMap(flagsOf),
];

/** Parses a line as the command would be called, without doing what it does. */
function refusal(words: readonly string[]): string | undefined {
  const program = createProgram();
  const quiet = (command: Command): void => {
    command
      .configureOutput({ writeOut: () => {}, writeErr: () => {} })
      .exitOverride()
      .action(() => {});
    command.commands.forEach(quiet);
  };
  program.commands.forEach(quiet);
  try {
    program.parse([...words], { from: "user" });
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

test("what the documents tell to type is accepted by the command line", () => {
  const lines = pages.flatMap(mentioned);
  expect(lines.filter(({ whole }) => whole).length).toBeGreaterThan(10);
  for (const { page, words, whole } of lines) {
    const said = `${page}: galley ${words.join(" ")}`;
    const { command, path, rest } = resolve(words);
    // Of the command's own name alone there is nothing to hold.
    if (path.length === 0 && words[0]?.startsWith("--")) continue;
    expect(path, said).not.toEqual([]);
    if (whole) expect(refusal(words), said).toBeUndefined();
    const known = [...flagsOf(command), "--help", "--version"];
    const flags = rest.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0]);
    for (const flag of flags) expect(known, said).toContain(flag);
  }
});

const textsIn = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts"))
    .map((path) => read(join(folder, path)));
/** Tests that call the command. Whole lines of the documents are typed by test/documents. */
const sources = textsIn("test");

test("there is no flag that a sentence of the documents names and no test gives", () => {
  const named = pages
    .flatMap(mentioned)
    .flatMap(({ words }) =>
      words.filter((word) => word.startsWith("--")).map((word) => word.split("=")[0] ?? ""),
    );
  // `galley up` starts the others with flags of theirs, or (of the ingress) with the variable of the same name, and a test starts that.
  const texts = [...sources, ...textsIn("src/cli/up")];
  const isGiven = (flag: string) =>
    texts.some((text) =>
      new RegExp(`["\\s\`]${flag === "--socket" ? "GALLEY_INGRESS_SOCKET" : flag}["\\s=:\`]`).test(text),
    );
  expect([...new Set(named)].filter((flag) => !isGiven(flag))).toEqual([]);
});

test("there is no command that no test runs", () => {
  const leaves = ({ commands }: Command, path: readonly string[]): (readonly string[])[] =>
    commands.length === 0 ? [path] : commands.flatMap((one) => leaves(one, [...path, one.name()]));
  const isRun = (path: readonly string[]) => {
    const word = (name: string) => `"${name}"`;
    const whole = new RegExp(path.map(word).join(",\\s*"));
    // Where a file calls many commands of a group, it says the group's name once.
    const [group = "", verb = ""] = path;
    return sources.some(
      (text) => whole.test(text) || (text.includes(`["${group}", ...args`) && text.includes(`["${verb}"`)),
    );
  };
  expect(leaves(createProgram(), []).filter((path) => !isRun(path))).toEqual([]);
});
