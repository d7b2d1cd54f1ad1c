import type { Item } from "./go-regexp.js";

/**
 * With two parts of open length a backtracking engine needs at worst the square of a path's length. Beyond that a
 * repository's `.dockerignore` could hold the event loop for minutes, which Go's engine never does.
 */
const backtrackingLimit = 2;

/** A test of whole paths for parts that follow each other. */
export function compileItems(items: readonly Item[]): (path: string) => boolean {
  const open = items.filter((item) => item.kind === "directories" || (item.kind === "char" && item.repeated));
  if (open.length <= backtrackingLimit) {
    const expression = new RegExp(`^${items.map(sourceOf).join("")}$`, "v");
    return (path) => expression.test(path);
  }
  const tests = items.map((item) => (item.kind === "char" ? new RegExp(`^${item.source}$`, "v") : undefined));
  return (path) => simulate(items, tests, path);
}

function sourceOf(item: Item): string {
  switch (item.kind) {
    case "char":
      return item.repeated ? `${item.source}*` : item.source;
    case "directories":
      return "(?:[^\\n]*/)?";
    case "assertion":
      return item.source;
  }
}

/** All ways at once, character by character: time is the path's length times the number of items, whatever they are. */
function simulate(items: readonly Item[], tests: readonly (RegExp | undefined)[], path: string): boolean {
  const chars = Array.from(path);
  let before = new Uint8Array(items.length + 1);
  let after = new Uint8Array(items.length + 1);
  const waiting = 1;
  /** Inside of `directories`, behind at least one character. */
  const inside = 2;
  before[0] = waiting;
  for (let at = 0; ; at++) {
    // What may match nothing is passed. In order, so that one pass is enough.
    for (const [index, item] of items.entries()) {
      if (((before[index] ?? 0) & waiting) === 0) continue;
      const passable =
        item.kind === "directories" ||
        (item.kind === "char" && item.repeated) ||
        (item.kind === "assertion" && holds(item.source, chars, at));
      if (passable) before[index + 1] = (before[index + 1] ?? 0) | waiting;
    }
    const char = chars[at];
    if (char === undefined) return ((before[items.length] ?? 0) & waiting) !== 0;
    after.fill(0);
    let alive = false;
    for (const [index, item] of items.entries()) {
      if (before[index] === 0) continue;
      if (item.kind === "directories" && char !== "\n") {
        after[index] = (after[index] ?? 0) | inside;
        if (char === "/") after[index + 1] = (after[index + 1] ?? 0) | waiting;
        alive = true;
      } else if (item.kind === "char" && tests[index]?.test(char)) {
        const next = item.repeated ? index : index + 1;
        after[next] = (after[next] ?? 0) | waiting;
        alive = true;
      }
    }
    if (!alive) return false;
    [before, after] = [after, before];
  }
}

function holds(assertion: string, chars: readonly string[], at: number): boolean {
  switch (assertion) {
    case "^":
      return at === 0;
    case "$":
      return at === chars.length;
    default: {
      const boundary = isWord(chars[at - 1]) !== isWord(chars[at]);
      return boundary === (assertion === "\\b");
    }
  }
}

const isWord = (char: string | undefined): boolean => char !== undefined && /^[0-9A-Za-z_]$/.test(char);
