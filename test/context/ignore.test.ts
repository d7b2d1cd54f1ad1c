import { readFileSync, symlinkSync } from "node:fs";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createDirectoryTree } from "../../src/buildkit/index.js";
import { type LabEngine, onEachEngine } from "../support/engines.js";
import {
  buildx,
  copyOut,
  counted,
  freshKey,
  latin1,
  listing,
  solve,
  withFolder,
  writeTree,
} from "./build.js";

/** Each the content of a .dockerignore. */
const ignoreFiles: readonly string[] = [
  "",
  "docs\n",
  "/docs/\n",
  "**/*.md\n!README.md\n",
  "*\n!src\nsrc/deep/secret*\n",
  "*\n!src/**/*.ts\n",
  "**\n!docs/a.md\n",
  "docs\n!docs/deep\n!docs/nope/x\n",
  "docs/*\n!docs/deep/b.md\n",
  "!docs\ndocs\n",
  "*/*.md\n",
  "*/*/*.md\n",
  "**/deep\n",
  "**/deep/**\n",
  "src/**\n",
  "src**\n",
  "s?c\n",
  "[ds]*\n",
  "[^ds]*\n",
  "[a-e]*\n!docs/[a-b].md\n",
  "star\\*\\?\n",
  "back\\\\slash\n",
  "# docs\n #docs\n\n   docs/deep   \n",
  "\ufeffdocs\n",
  "docs\r\nsrc\r\n",
  "./docs/../src//deep/\n",
  "über*\n",
  "*ü*\n",
  "日本*/*\n",
  "?lead\n\\ lead\n",
  "/ lead\ntrail /\n",
  "a+b, c\n",
  "**/*[0-9]*\n",
  "v\\d\n",
  "**/.*\n!.dockerignore\n",
  ".dockerignore\nDockerfile\n",
  "link\n",
  "link/x\n",
  "empty\n",
  "**/x\n!src/deep/x\n!**/docs/**/x\n",
  "**/a*a*a*a*\n",
];

async function sampleTree(root: string): Promise<void> {
  const names = [
    "README.md",
    "Dockerfile",
    "docs/a.md",
    "docs/b.md",
    "docs/deep/b.md",
    "docs/deep/x",
    "src/main.ts",
    "src/main.js",
    "src/deep/secret.ts",
    "src/deep/x",
    "srcs/x",
    ".hidden/.x",
    ".env",
    "star*?",
    "starry",
    "back\\slash",
    "über.txt",
    "prüfung/ü",
    "日本語/ファイル",
    " lead",
    "trail ",
    "lead",
    "trail",
    "a+b, c",
    "v1",
    "vd",
    "banana",
    "line\nfeed",
    "%41",
    'quo"te',
    "x/docs/deep/x",
    "e",
    "z/[ds]",
  ];
  await writeTree(root, Object.fromEntries(names.map((name) => [latin1(name), latin1(name)])));
  symlinkSync("docs", join(root, "link"));
  symlinkSync("/etc/passwd", join(root, "outside"));
  await cp("/dev/null", join(root, "empty"));
}

/** One build that copies many contexts side by side, each with its own .dockerignore. */
async function compareSideBySide(engine: LabEngine, folder: string): Promise<void> {
  const copies = ignoreFiles.map((_, at) => `COPY --from=c${at} . /c${at}/\n`).join("");
  const dockerfile = `FROM scratch\n${copies}`;
  const paths = ignoreFiles.map((_, at) => join(folder, `c${at}`));
  for (const [at, path] of paths.entries()) {
    await sampleTree(path);
    await writeFile(join(path, ".dockerignore"), ignoreFiles[at] ?? "");
  }
  const named = paths.flatMap((path, at) => ["--build-context", `c${at}=${path}`]);
  await writeTree(folder, { "main/x": "" });
  await buildx(engine, folder, [...named, "-o", join(folder, "theirs"), join(folder, "main")], dockerfile);
  const trees = Object.fromEntries(paths.map((path, at) => [`c${at}`, createDirectoryTree(path)]));
  const frontendAttrs = Object.fromEntries(paths.map((_, at) => [`context:c${at}`, `local:c${at}`]));
  await solve(
    engine,
    dockerfile,
    { ...trees, context: createDirectoryTree(join(folder, "main")) },
    {
      frontendAttrs,
      sharedKey: freshKey(),
      exports: [{ type: "local", attrs: {}, output: { kind: "directory", path: join(folder, "ours") } }],
    },
  );
  for (const [at, ignored] of ignoreFiles.entries()) {
    const ours = listing(join(folder, "ours", `c${at}`));
    expect(ours, JSON.stringify(ignored)).toEqual(listing(join(folder, "theirs", `c${at}`)));
  }
}

onEachEngine((engine) => {
  test("Every ignore file leaves of a context what buildx leaves of it.", () =>
    withFolder(async (folder) => {
      // One build for all needs named contexts, and takes a while: elsewhere a few files that differ in kind are compared.
      if (engine.name === "26" || engine.name === "28c") return compareSideBySide(engine, folder);
      const dockerfile = "FROM scratch\nCOPY . /\n";
      const context = join(folder, "context");
      await sampleTree(context);
      for (const at of [3, 5, 9, 26, 30, 39]) {
        await writeFile(join(context, ".dockerignore"), ignoreFiles[at] ?? "");
        await buildx(engine, folder, ["-o", join(folder, `theirs${at}`), context], dockerfile);
        await copyOut(engine, createDirectoryTree(context), join(folder, `ours${at}`), dockerfile);
        const ours = listing(join(folder, `ours${at}`));
        expect(ours, ignoreFiles[at]).toEqual(listing(join(folder, `theirs${at}`)));
        expect(ours.length).toBeGreaterThan(0);
      }
    }));

  test("An ignore file of twenty thousand lines is obeyed, and can itself be copied.", () =>
    withFolder(async (folder) => {
      const context = join(folder, "context");
      const lines = Array.from({ length: 20_000 }, (_, at) => `some/folder/file-${at}.txt\n`).join("");
      await writeTree(context, {
        ".dockerignore": lines,
        "some/folder/file-19999.txt": "secret",
        "some/folder/file-20000.txt": "open",
      });
      const seen = counted(createDirectoryTree(context));
      await copyOut(engine, seen.tree, join(folder, "out"));
      expect(seen.names()).not.toContain("some/folder/file-19999.txt");
      const arrived = listing(join(folder, "out")).map((line) => line.split(" ")[0]);
      expect(arrived).toEqual([".dockerignore", "some/", "some/folder/", "some/folder/file-20000.txt"]);
      expect(readFileSync(join(folder, "out/.dockerignore"), "utf8")).toBe(lines);
    }));

  test("A pattern with a syntax error fails the build, and nothing that it may have meant is sent.", () =>
    withFolder(async (folder) => {
      await writeTree(folder, { ".dockerignore": "docs/[\n", "docs/a": "" });
      const seen = counted(createDirectoryTree(folder));
      const building = copyOut(engine, seen.tree, join(folder, "out"));
      // 28 finds it by itself, in a lint rule, before it asks for the context.
      await expect(building).rejects.toThrow(/pattern/);
      expect(new Set(seen.names())).toEqual(new Set([".dockerignore"]));
    }));
});
