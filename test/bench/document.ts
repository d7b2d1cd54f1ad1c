import { readFile, writeFile } from "node:fs/promises";
import { inClone } from "./in-clone.js";
import type { Topic, Yardstick } from "./scenario.js";

/** The page that `--write` changes. */
export const documentPath = (): string => inClone("docs/benchmarks.md");

/** Whose results: they stand between markers of their own. */
export interface Place {
  readonly engine: string;
  readonly topic: Topic;
  readonly yardstick: Yardstick;
}

/** Puts results between their markers; whatever else the page says stays. */
export async function writeResults(path: string, place: Place, results: string): Promise<void> {
  await writeFile(path, withResults(await readFile(path, "utf8"), place, results));
}

/** Without markers for that place, they are added at the end. */
export function withResults(page: string, { engine, topic, yardstick }: Place, results: string): string {
  const of = topic === "builds and previews" ? engine : `${topic} of ${engine}`;
  const place = yardstick === "nothing" ? `${of} alone` : `${of} beside ${yardstick}`;
  const [begin, end] = [
    `<!-- results of ${place}: written by npm run bench -- --write -->`,
    `<!-- end of ${place} -->`,
  ];
  const block = `${begin}\n\n${results.trim()}\n\n${end}`;
  const from = page.indexOf(begin);
  if (from < 0) return `${page.trimEnd()}\n\n${block}\n`;
  const to = page.indexOf(end, from);
  if (to < 0) throw new Error(`docs/benchmarks.md has no line "${end}"`);
  return page.slice(0, from) + block + page.slice(to + end.length);
}
