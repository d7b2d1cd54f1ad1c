// The figures of the README are those of the benchmarks' page, as far as runs differ.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const rowsOf = (text: string): string[][] =>
  [...text.matchAll(/^\| (.*) \|$/gm)].map(([, row = ""]) => row.split("|").map((cell) => cell.trim()));

/** Rows of the README by rows of the benchmarks. */
const sources: Readonly<Record<string, string>> = {
  "One file of 20,000 changed in a remote repository, to its image":
    "One changed file of 20,000, remote to built (buildx: clone --depth 1 first)",
  "A push to a preview that runs, until its URL answers with the change":
    "Push to the sample's running preview, until its URL answers with the change",
  "… requests lost on the way, of fifty a second": "Requests lost in a switch, of fifty a second",
  "A push of a source file after `docker builder prune -af`, packages from afar, to its image":
    "Node application after a prune, registry of 3 MB/s",
  "The same commit once more": "The sample once more, unchanged, until that is done",
  "A preview that is not there yet": "… of a pull request without a preview yet: network, database and all",
};

/** `12.1 s: …` is 12.1. */
const figure = (cell: string): number => Number.parseFloat(cell);
/** `2.68 s (2.38–2.92)` is from 2.38 to 2.92, and a fifth of both more. */
const runs = (cell: string): readonly [number, number] => {
  const [, least, most] = /\(([\d.]+)–([\d.]+)\)/.exec(cell) ?? expect.fail(`${cell} has no range`);
  return [Number(least) * 0.8, Number(most) * 1.2];
};

test("every figure of the README lies within what the benchmarks' page has for it", () => {
  // Times stand before the memory of the same scenario.
  const measured = (title: string) =>
    rowsOf(read("docs/benchmarks.md")).find(([name]) => name === title) ??
    expect.fail(`nothing measures ${title}`);
  const told = rowsOf(read("README.md")).filter(([, galley = ""]) => /^\d/.test(galley));
  expect(told.map(([title]) => title)).toEqual(Object.keys(sources));
  for (const [title = "", galley = "", beside = ""] of told) {
    const [, ours = "", theirs = ""] = measured(sources[title] ?? "");
    for (const [said, found] of [
      [galley, ours],
      [beside, theirs],
    ] as const) {
      const [least, most] = runs(found);
      expect(figure(said), `${title}: ${said}, measured ${found}`).toBeGreaterThanOrEqual(least);
      expect(figure(said), `${title}: ${said}, measured ${found}`).toBeLessThanOrEqual(most);
    }
  }
});
