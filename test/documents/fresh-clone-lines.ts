// Lines of the documents that make a clone ready, or work in it by package scripts, which make it ready first: typed in a clone of their own by
// fresh-clone.test.ts. In the one that is under test they would take away for a while what other tests run.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";

export interface TypedInClone {
  /** Makes the work smaller: what is left is done for real. */
  readonly as?: readonly (readonly [text: string, by: string])[];
  readonly before?: (clone: string) => void;
  readonly prints?: (printed: string, clone: string) => void;
}

const textOf = (clone: string, path: string) => readFileSync(join(clone, path), "utf8");
const passed = (printed: string) => expect(printed).toMatch(/^[1-9]\d* passed, 0 failed\n$/m);
const page = "docs/benchmarks.md";
let before = "";

/** In this order. */
export const inFreshClone: Readonly<Record<string, TypedInClone>> = {
  // Types are checked by the next build: those of the lines below.
  "npm ci && npm run build": { as: [["npm run build", "npm run build -- --no-check"]] },
  "npx galley": {
    as: [["npx galley", "npx galley --version"]],
    prints: (printed) => expect(printed).toMatch(/^\d+\.\d+\.\d+\n$/),
  },
  "cp .env.example .env": {
    prints: (_, clone) => expect(textOf(clone, ".env")).toBe(textOf(clone, ".env.example")),
  },
  "UPDATE_DOCS=1 npx vitest run src/cli/cli-doc.test.ts": {
    before: (clone) => {
      before = textOf(clone, "docs/cli.md");
      writeFileSync(join(clone, "docs/cli.md"), "");
    },
    prints: (_, clone) => expect(textOf(clone, "docs/cli.md")).toBe(before),
  },
  "npm run bench": {
    as: [["bench", "bench -- --only version --runs 1"]],
    prints: (printed) => expect(printed).toMatch(/^\| `galley --version`.*\d ms/m),
  },
  "npm run bench -- --write": {
    as: [["--write", "--write --only version"]],
    before: (clone) => {
      before = textOf(clone, page);
    },
    prints: (printed, clone) => {
      const row = /^\| `galley --version`.*$/m.exec(printed)?.[0] ?? expect.fail(printed);
      expect(before).not.toContain(row);
      expect(textOf(clone, page)).toContain(row);
    },
  },
  "GALLEY_LAB_KEEP=1 npm test -- src/manifest test/docker": { prints: passed },
};
