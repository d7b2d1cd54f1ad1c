import { readFileSync } from "node:fs";
import { Script } from "node:vm";
import { expect, test } from "vitest";

const bundle = new URL("../../dist/cli/galley.cjs", import.meta.url);
const source = readFileSync(bundle);

test("V8 takes the code cache that lies beside the command", () => {
  const script = new Script(source.toString("latin1"), {
    filename: bundle.pathname,
    cachedData: readFileSync(`${bundle.pathname}.cache`),
  });
  expect(script.cachedDataRejected).toBe(false);
});

test("the bundle is ASCII, as the launcher reads one byte a character", () => {
  expect(source.findIndex((byte) => byte > 0x7f)).toBe(-1);
});

test("nothing in the bundle is loaded by import(), which a script from the cache cannot do", () => {
  expect(source.toString("latin1")).not.toMatch(/[^.\w$]import\(/);
});
