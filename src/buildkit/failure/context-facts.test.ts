import { expect, test } from "vitest";
import { createFilesTree } from "../context/files-tree.js";
import { readContextFacts } from "./context-facts.js";

test("the Dockerfile, the ignore patterns and the names of the context are read from the trees", async () => {
  const tree = createFilesTree(
    new Map([
      ["Dockerfile.web", "FROM busybox\n"],
      [".dockerignore", "# comment\ndist\n"],
      ["src/app.js", "x"],
      ["dist/app.js", "x"],
    ]),
  );
  const facts = await readContextFacts({ context: tree, dockerfile: tree }, { filename: "Dockerfile.web" });
  expect(facts.dockerfile).toEqual({ name: "Dockerfile.web", text: "FROM busybox\n" });
  expect(facts.ignorePatterns).toEqual(["dist"]);
  expect(facts.contextNames).toContain("src/app.js");
  expect(facts.contextNames).not.toContain("dist/app.js");
});

test("the ignore file that belongs to the Dockerfile goes before the one of the context", async () => {
  const files = new Map([
    ["Dockerfile", "FROM a\n"],
    ["Dockerfile.dockerignore", "one\n"],
    [".dockerignore", "two\n"],
  ]);
  const tree = createFilesTree(files);
  expect((await readContextFacts({ context: tree, dockerfile: tree })).ignorePatterns).toEqual(["one"]);
});

test("trees that fail or are not there add nothing", async () => {
  const broken = {
    ...createFilesTree(new Map()),
    entries: () => {
      throw new Error("closed");
    },
  };
  expect(await readContextFacts({ context: broken, dockerfile: broken })).toEqual({ ignorePatterns: [] });
  expect(await readContextFacts(undefined)).toEqual({});
});
