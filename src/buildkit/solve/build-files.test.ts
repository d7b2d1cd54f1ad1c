import { expect, test } from "vitest";
import { createFilesTree } from "../context/files-tree.js";
import { inspectBuildFiles } from "./build-files.js";

const never = new AbortController().signal;
const inspect = (files: Record<string, string>, frontendAttrs: Record<string, string> = {}) =>
  inspectBuildFiles(
    { frontendAttrs, trees: { context: createFilesTree(new Map(Object.entries(files))) } },
    never,
  );
const lines = (count: number, line: string) => `${line}\n`.repeat(count);

test("an ordinary build needs nothing special", async () => {
  const found = await inspect({
    Dockerfile: 'FROM a\nRUN echo " x " \\\n  && y\nCOPY ["a", "b", "/c/"]\nENV A="b c"\n',
    ".dockerignore": lines(5000, "some/folder/*.txt"),
  });
  expect(found).toEqual({ largeDockerfile: false, ownHeaders: false });
});

test.each([
  ["more patterns than fit", { ".dockerignore": lines(10_000, "some/folder/*.txt") }],
  ["patterns that grow when they are escaped", { ".dockerignore": lines(4000, "größe/日本語") }],
  ["a pattern that ends with a blank", { ".dockerignore": "trail /\n" }],
  ["a pattern that begins with a blank", { ".dockerignore": "/ lead\n" }],
  ["an ignore file of the Dockerfile's own", { "Dockerfile.dockerignore": "! / lead\n/ a\n" }],
  ["a COPY of such a name", { Dockerfile: 'COPY [" lead", "/"]\n' }],
  ["a COPY over two lines", { Dockerfile: 'COPY ["a", \\\n "trail ", "/"]\n' }],
  ["a variable of such a name", { Dockerfile: "ARG A=' lead'\nCOPY $A /\n" }],
  ["an escaped blank", { Dockerfile: "ARG A=\\ lead\n" }],
  ["a Dockerfile with room for as many paths", { Dockerfile: lines(10_000, "COPY a /") }],
])("%s: the headers have to be read by ourselves", async (_name, files) => {
  expect((await inspect(files as Record<string, string>)).ownHeaders).toBe(true);
});

test("a build argument may be part of a path", async () => {
  expect((await inspect({}, { "build-arg:A": "x " })).ownHeaders).toBe(true);
  expect((await inspect({}, { "build-arg:A": "x y" })).ownHeaders).toBe(false);
});

test("the ignore files of named contexts count, too", async () => {
  const trees = {
    context: createFilesTree(new Map()),
    c: createFilesTree(new Map([[".dockerignore", "/ x\n"]])),
  };
  expect((await inspectBuildFiles({ trees }, never)).ownHeaders).toBe(true);
});

test("the Dockerfile is found by its name and told to be large", async () => {
  const large = lines(2000, "# a comment of some length");
  expect((await inspect({ "x/Other": large }, { filename: "x/Other" })).largeDockerfile).toBe(true);
  expect((await inspect({ Dockerfile: large }, { filename: "x/Other" })).largeDockerfile).toBe(false);
});
