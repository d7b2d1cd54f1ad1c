// What the documents tell to type into a terminal.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../", import.meta.url));
export const read = (path: string): string => readFileSync(`${root}${path}`, "utf8");

export interface TypedLine {
  readonly page: string;
  readonly line: string;
}

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(`${root}docs`)
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

/** A command in the middle of a sentence that is to be typed as it stands, and not only the name of one. */
const inSentence = /^(npm (run|test)\b|npm ci &&|npx |[A-Z_]+=\S+ (npm|npx) |openssl |docker compose logs)/;

/** Every line of a console block, every example of a help text, and what sentences tell to run beside `galley`. */
export const typedLines = (): TypedLine[] =>
  pages.flatMap((page) => {
    const text = read(page);
    const lines = [
      ...[...text.matchAll(/^\$ (.*)$/gm)].map(([, line = ""]) => line.replace(/\s{2,}# .*$/, "")),
      ...[...text.matchAll(/^Examples:\n((?: {2}.*\n)+)/gm)]
        .flatMap(([, block = ""]) => block.split("\n"))
        // A blank column stands before what an example is for.
        .map((line) => line.trim().replace(/ {2,}.*$/, "")),
      ...[...text.matchAll(/`([^`\n]+)`/g)]
        .map(([, span = ""]) => span)
        .filter((span) => inSentence.test(span)),
    ];
    return lines.filter((line) => line !== "").map((line) => ({ page, line }));
  });
