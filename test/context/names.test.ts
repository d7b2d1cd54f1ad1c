import { execFileSync } from "node:child_process";
import { chmodSync, symlinkSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type ContextTree, createDirectoryTree } from "../../src/buildkit/index.js";
import { createGitTree } from "../../src/source/index.js";
import { onEachEngine } from "../support/engines.js";
import { copyOut, counted, latin1, listing, solve, withFolder, writeTree } from "./build.js";

const awkward = [
  " leading",
  "trailing ",
  "two\nlines",
  "star*",
  "question?",
  "[brackets]",
  "back\\slash",
  'quo"te',
  "sing'le",
  "tab\tbed",
  "ünïcode",
  "日本語/ファイル",
  "emoji 🚀",
  "-dash",
  "%41",
  "a, b",
  "plus+",
  "$HOME",
  "`id`",
  "!not",
  "#hash",
  "\u007f",
  "..dots",
  "é",
  "e\u0301",
  `long-${"x".repeat(200)}`,
  ".dockerignore/inside",
];
const notText = ["latin1-\xe4", "bytes-\xff\xfe/\x80"];

async function makeRepository(root: string, names: readonly string[]): Promise<void> {
  await writeTree(root, Object.fromEntries(names.map((name) => [name, name])));
  await writeTree(root, { "bin/run": "#!/bin/sh\n" });
  chmodSync(join(root, "bin/run"), 0o755);
  symlinkSync("bin/run", join(root, "link"));
  symlinkSync("../../../etc/passwd", join(root, "outside"));
  symlinkSync("nowhere", join(root, "dangling"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@example.test", ...args], { cwd: root });
  git("init", "-q", "-b", "main");
  git("add", "-A", ".");
  git("commit", "-q", "-m", "c");
}

onEachEngine((engine) => {
  const bothKinds = async (root: string, check: (tree: ContextTree, kind: string) => Promise<void>) => {
    await check(createDirectoryTree(root), "directory");
    const tree = await createGitTree({ repository: root, commit: "main" });
    try {
      await check(tree, "git");
    } finally {
      await tree.close();
    }
  };

  test("Awkward names, exec bits and links arrive as they are, from a directory and from git.", () =>
    withFolder(async (folder) => {
      const root = join(folder, "repository");
      const names = engine.version >= 28 ? awkward.map(latin1) : [...awkward.map(latin1), ...notText];
      await makeRepository(root, names);
      const expected = listing(root).filter((line) => !line.startsWith(".git/"));
      await bothKinds(root, async (tree, kind) => {
        await copyOut(engine, tree, join(folder, kind));
        const arrived = listing(join(folder, kind)).filter((line) => !line.startsWith(".git/"));
        expect(arrived).toEqual(expected);
      });
    }));

  test("Names that are no UTF-8 are taken by old engines, and explained where an engine refuses them.", () =>
    withFolder(async (folder) => {
      const root = join(folder, "repository");
      await makeRepository(root, notText);
      await bothKinds(root, async (tree, kind) => {
        const building = copyOut(engine, tree, join(folder, kind));
        if (engine.version < 28) await building;
        else {
          await expect(building).rejects.toMatchObject({
            code: "context_invalid",
            message: expect.stringMatching(/bytes-\ufffd\ufffd.*UTF-8/),
          });
        }
      });
    }));

  test("What a non-ASCII .dockerignore names does not leave this machine.", () =>
    withFolder(async (folder) => {
      await writeTree(folder, {
        ".dockerignore": "geheim-ä\n*.größe\nключ/**\n",
        [latin1("geheim-ä")]: "secret",
        [latin1("x.größe")]: "secret",
        [latin1("ключ/id_rsa")]: "secret",
        open: "open",
      });
      const seen = counted(createDirectoryTree(folder));
      await copyOut(engine, seen.tree, join(folder, "out"));
      expect(new Set(seen.names())).toEqual(new Set([".dockerignore", "open"]));
      expect(listing(join(folder, "out")).filter((line) => line.includes("secret"))).toEqual([]);
    }));

  test("COPY with the names of files brings those and what their links point to, and nothing else leaves.", () =>
    withFolder(async (folder) => {
      await writeTree(folder, {
        [latin1("ünï, +x.txt")]: "1",
        "real/a": "2",
        "real/b": "3",
        other: "4",
        "sub/deep/x.conf": "5",
        "sub/y.conf": "6",
      });
      symlinkSync("real", join(folder, "link"));
      symlinkSync("/real/b", join(folder, "absolute"));
      const seen = counted(createDirectoryTree(folder));
      const dockerfile =
        'FROM scratch\nCOPY ["ünï, +x.txt", "/u"]\nCOPY link/a /a\nCOPY absolute /b\nCOPY sub/*.conf /conf/\n';
      await copyOut(engine, seen.tree, join(folder, "out"), dockerfile);
      expect(new Set(seen.names())).toEqual(
        new Set([latin1("ünï, +x.txt"), "real/a", "real/b", "sub/y.conf"]),
      );
      expect(listing(join(folder, "out")).map((line) => line.split(" ")[0])).toEqual([
        "a",
        "b",
        "conf/",
        "conf/y.conf",
        "u",
      ]);
    }));

  test("COPY with names that begin or end with blanks brings those, and nothing else leaves.", () =>
    withFolder(async (folder) => {
      await writeTree(folder, { " lead": "1", "trail ": "2", " both /x ": "3", other: "4", named: "5" });
      const dockerfiles = [
        'FROM scratch\nCOPY [" lead", "/"]\n',
        'FROM scratch\nARG NAME="trail "\nCOPY [" lead", "$NAME", " both /x ", "named", "/"]\n',
      ];
      const wanted = [[" lead"], [" lead", " both /x ", "named", "trail "]];
      for (const [at, dockerfile] of dockerfiles.entries()) {
        const seen = counted(createDirectoryTree(folder));
        await copyOut(engine, seen.tree, join(folder, `out${at}`), dockerfile);
        expect(new Set(seen.names())).toEqual(new Set(wanted[at]));
        expect(listing(join(folder, `out${at}`))).toHaveLength(wanted[at]?.length ?? 0);
      }
    }));

  test("Links that lead out of the context give nothing away.", () =>
    withFolder(async (folder) => {
      const root = join(folder, "context");
      await writeTree(folder, { "secret/key": "host secret", "context/a": "a" });
      symlinkSync(join(folder, "secret"), join(root, "absolute"));
      symlinkSync("../secret", join(root, "relative"));
      symlinkSync("../secret/key", join(root, "file"));
      for (const source of ["absolute/key", "relative/key", "file"]) {
        const seen = counted(createDirectoryTree(root));
        const dockerfile = `FROM scratch\nCOPY ${source} /stolen\n`;
        const building = copyOut(engine, seen.tree, join(folder, "out"), dockerfile);
        await expect(building, source).rejects.toMatchObject({ code: "copy_source_missing" });
        expect(seen.reads()).toBe(0);
      }
      // As a whole, the links themselves are copied.
      await copyOut(engine, createDirectoryTree(root), join(folder, "out"));
      expect(listing(join(folder, "out")).join("\n")).not.toContain("host secret");
    }));

  test("A file that changes while it is sent fails the build, with its name.", () =>
    withFolder(async (folder) => {
      await writeTree(folder, { a: "a", "changes.log": "x".repeat(3_000_000) });
      const tree = createDirectoryTree(folder);
      const growing: ContextTree = {
        ...tree,
        async *read(entry, signal) {
          for await (const chunk of tree.read(entry, signal)) {
            yield chunk;
            await writeFile(join(folder, "changes.log"), "more", { flag: "a" });
          }
        },
      };
      const building = solve(engine, "FROM scratch\nCOPY . /\n", { context: growing });
      await expect(building).rejects.toMatchObject({
        code: "context_changed",
        message: expect.stringContaining("changes.log"),
      });
    }));
});
