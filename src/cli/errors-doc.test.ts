import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { buildKitErrorCodes } from "../buildkit/index.js";
import { galleyErrorCodes } from "../errors/index.js";

test("the page of errors has every code of the catalogue, once, and no other", () => {
  const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
  const listed = [...page.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code);
  expect([...listed].sort()).toEqual([...buildKitErrorCodes, ...galleyErrorCodes].sort());
  expect(new Set(listed).size, "a code that two rooms share would mean two things").toBe(listed.length);
});
