import { mkdirSync, mkdtempSync, realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseRepository } from "./repository-argument.js";

const root = realpathSync(mkdtempSync(join(tmpdir(), "galley-repository-")));
for (const name of ["Shop Front.git", "app/.git"]) mkdirSync(join(root, name), { recursive: true });

test("a repository is a path with an optional ref, named after its folder", () => {
  expect(parseRepository("Shop Front.git#refs/pull/7/head", root)).toMatchObject({
    repository: join(root, "Shop Front.git"),
    ref: "refs/pull/7/head",
    project: "shop-front",
  });
  expect(parseRepository("app/.git", root)).toMatchObject({ ref: "HEAD", project: "app" });
  expect(parseRepository("#main", join(root, "app"))).toMatchObject({
    repository: join(root, "app"),
    ref: "main",
  });
});

test("two repositories of one name have different keys", () => {
  mkdirSync(join(root, "other/app"), { recursive: true });
  expect(parseRepository("app", root).repoKey).not.toBe(parseRepository("other/app", root).repoKey);
});

test("a path that is not there is a usage error", () => {
  expect(() => parseRepository("nowhere", root)).toThrow("no repository at");
});
