import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** docs/benchmarks.md of this clone; this file runs from dist/. */
export function documentPath(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json")) && existsSync(join(folder, "docs")))
      return join(folder, "docs/benchmarks.md");
    if (folder === dirname(folder)) throw new Error("docs/ is missing: is this a whole clone?");
  }
}

/** Puts the results between the engine's markers; whatever else the page says stays. */
export async function writeResults(path: string, engine: string, results: string): Promise<void> {
  await writeFile(path, withResults(await readFile(path, "utf8"), engine, results));
}

/** Without markers for that engine, they are added at the end. */
export function withResults(page: string, engine: string, results: string): string {
  const [begin, end] = [
    `<!-- results of ${engine}: written by npm run bench -- --write -->`,
    `<!-- end of ${engine} -->`,
  ];
  const block = `${begin}\n\n${results.trim()}\n\n${end}`;
  const from = page.indexOf(begin);
  if (from < 0) return `${page.trimEnd()}\n\n${block}\n`;
  const to = page.indexOf(end, from);
  if (to < 0) throw new Error(`docs/benchmarks.md has no line "${end}"`);
  return page.slice(0, from) + block + page.slice(to + end.length);
}
