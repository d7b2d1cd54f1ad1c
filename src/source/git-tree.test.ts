import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createDirectoryTree, type TreeEntry, type TreeFilter } from "../buildkit/index.js";
import {
  commit,
  content,
  entries,
  environment,
  git,
  open,
  repository,
  signal,
  useRepository,
  work,
  write,
} from "./repository.testing.js";

useRepository();

const pointer = (text: string) =>
  `version https://git-lfs.github.com/spec/v1\noid sha256:${createHash("sha256").update(text).digest("hex")}\nsize ${text.length}\n`;

const entriesAt = async (id: string) => entries(await open({ commit: id }));

test("the tree of a commit is what a checkout of it would be, in the order of the protocol", async () => {
  for (const path of ["a/x", "a.b", "a-b/y", "a/z/deep", "café", "b"]) write(path);
  write("run", "#!/bin/sh\n");
  chmodSync(join(repository, "run"), 0o755);
  symlinkSync("../outside", join(repository, "a/link"));
  writeFileSync(Buffer.concat([Buffer.from(`${repository}/`), Buffer.from([0xff, 0x0a, 0x09, 0x2a])]), "odd");
  const id = commit();
  const tree = await open();
  expect(tree.commit).toBe(id);
  expect(tree.treeId).toBe(git("rev-parse", "HEAD^{tree}"));
  expect(tree.needsCheckout).toEqual([]);
  const seen = await entries(tree);
  const disk = await entries(createDirectoryTree(repository), { excludePatterns: [".git"] });
  const shape = (list: TreeEntry[]) =>
    list.map(({ path, mode, size, linkname }) => [path.toString("hex"), mode, size, linkname?.toString()]);
  expect(shape(seen)).toEqual(shape(disk));
  for (const entry of seen.filter(({ mode }) => mode <= 0o777)) {
    const path = Buffer.concat([Buffer.from(`${repository}/`), entry.path]);
    expect(await content(tree, entry)).toBe(readFileSync(path, "latin1"));
  }
});

test("filters and links work as in a directory", async () => {
  for (const path of ["real/x", "real/y", "other", "d/e/f"]) write(path);
  symlinkSync("real", join(repository, "dir"));
  commit();
  const tree = await open();
  const paths = async (filter: Partial<TreeFilter>) =>
    (await entries(tree, filter)).map(({ path }) => path.toString());
  expect(await paths({ followPaths: ["dir/x"] })).toEqual(["dir", "real", "real/x"]);
  expect(await paths({ excludePatterns: ["**", "!d/e"] })).toEqual(["d", "d/e", "d/e/f"]);
});

test("times come from content: equal in another clone and another commit, different for other content", async () => {
  write("same");
  write("changes", "one");
  commit();
  const first = new Map((await entries(await open())).map((entry) => [entry.path.toString(), entry.modTime]));
  write("changes", "two");
  commit();
  execFileSync("git", ["clone", "-q", "--bare", repository, join(work, "clone.git")], { env: environment });
  const second = await entries(await open({ repository: join(work, "clone.git") }));
  const times = new Map(second.map((entry) => [entry.path.toString(), entry.modTime]));
  expect(times.get("same")).toBe(first.get("same"));
  expect(times.get("changes")).not.toBe(first.get("changes"));
});

test("times can be given by the caller, by path and blob", async () => {
  write("d/f");
  commit();
  const blob = git("rev-parse", "HEAD:d/f");
  const tree = await open({ modTime: (path, id) => (path === "d/f" && id === blob ? 7n : 8n) });
  expect((await entries(tree)).at(-1)?.modTime).toBe(7n);
});

test("a subdirectory is the root of its context, whatever lies beside it", async () => {
  write("services/web/app/x");
  write("services/other");
  commit();
  for (const subdirectory of ["services/web", "/services//web/", "./services/./web"]) {
    const tree = await open({ subdirectory });
    expect((await entries(tree)).map(({ path }) => path.toString())).toEqual(["app", "app/x"]);
    expect(tree.treeId).toBe(git("rev-parse", "HEAD:services/web"));
  }
});

test.each(["nope", "services/web/app/x", "link/app", "../..", "a\nb"])(
  "the subdirectory %j is refused",
  async (subdirectory) => {
    write("services/web/app/x");
    symlinkSync("services/web", join(repository, "link"));
    commit();
    await expect(open({ subdirectory })).rejects.toMatchObject({ code: "file_not_found" });
  },
);

test("branches, tags, abbreviated ids and ancestors name commits", async () => {
  write("a");
  const first = commit();
  git("tag", "-a", "-m", "t", "v1");
  git("branch", "feature/x");
  write("b");
  commit();
  for (const name of [
    "v1",
    "feature/x",
    "refs/heads/feature/x",
    first,
    first.slice(0, 10),
    "main~1",
    "HEAD^",
  ]) {
    expect((await open({ commit: name })).commit, name).toBe(first);
  }
});

test.each([
  "nope",
  "--help",
  "-q",
  "",
  "main..main",
  "main:a",
  "main\ncontents HEAD",
  "a b",
  "@{-1}",
  "main^{tree}",
  "0123456789012345678901234567890123456789",
])("%j names no commit", async (name) => {
  write("a");
  commit();
  await expect(open({ commit: name })).rejects.toMatchObject({ code: "git_ref_not_found" });
});

test("a directory that is no repository is said to be none", async () => {
  mkdirSync(join(work, "plain"));
  for (const path of ["plain", "missing"]) {
    await expect(open({ repository: join(work, path) })).rejects.toMatchObject({
      code: "git_repository_invalid",
    });
  }
});

test("an empty repository has no commit", async () => {
  await expect(open()).rejects.toMatchObject({ code: "git_ref_not_found" });
});

test("a missing git is said to be missing", async () => {
  write("a");
  commit();
  const { PATH } = process.env;
  process.env.PATH = work;
  try {
    await expect(open()).rejects.toMatchObject({ code: "git_missing" });
  } finally {
    process.env.PATH = PATH;
  }
});

test("many large and small files are read side by side through one git", async () => {
  for (let at = 0; at < 300; at++) write(`d${at % 7}/f${at}`, String(at).repeat(at * 3 + 1));
  for (let at = 0; at < 6; at++)
    writeFileSync(join(repository, `large${at}`), Buffer.alloc(3_000_000, `${at}-`));
  write("empty", "");
  commit();
  const tree = await open();
  const files = (await entries(tree)).filter(({ mode }) => mode <= 0o777);
  expect(files).toHaveLength(307);
  const read = await Promise.all(files.map(async (entry) => [entry, await content(tree, entry)] as const));
  for (const [entry, text] of read)
    expect(text).toBe(readFileSync(join(repository, entry.path.toString()), "latin1"));
});

test("a reader that leaves in the middle of a file does not hold up the others", async () => {
  writeFileSync(join(repository, "a"), Buffer.alloc(20_000_000, "x"));
  write("b");
  commit();
  const tree = await open();
  const [large, small] = await entries(tree);
  for await (const _ of tree.read(large!, signal)) break;
  expect(await content(tree, small)).toBe("b");
});

test("an aborted reading and a closed tree end with an error, not with silence", async () => {
  writeFileSync(join(repository, "a"), Buffer.alloc(20_000_000, "x"));
  commit();
  const tree = await open();
  const [large] = await entries(tree);
  const abort = new AbortController();
  const reading = async (ended: AbortSignal, act: () => void) => {
    for await (const _ of tree.read(large!, ended)) act();
  };
  await expect(reading(abort.signal, () => abort.abort())).rejects.toMatchObject({ name: "AbortError" });
  await expect(reading(signal, () => void tree.close())).rejects.toMatchObject({ code: "context_invalid" });
  await expect(content(tree, large)).rejects.toMatchObject({ code: "context_invalid" });
});

test("no git is left behind by a closed tree, by a failure or by an abort", async () => {
  write("a");
  commit();
  const children = () => {
    const pid = String(process.pid);
    return execFileSync("ps", ["-o", "args=", "--ppid", pid], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(repository));
  };
  const tree = await open();
  expect(children()).toHaveLength(1);
  await tree.close();
  await tree.close();
  await expect(open({ commit: "nope" })).rejects.toThrow();
  await expect(open({ signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow("stop");
  expect(children()).toEqual([]);
});

test("submodules are left out, reported, and a reason to check out", async () => {
  write("a");
  const id = commit();
  git("update-index", "--add", "--cacheinfo", `160000,${id},vendor/lib`);
  git("commit", "-q", "-m", "submodule");
  const seen: string[] = [];
  const tree = await open({ onSubmodule: (path) => seen.push(path) });
  expect(seen).toEqual(["vendor/lib"]);
  expect((await entries(tree)).map(({ path }) => path.toString())).toEqual(["a", "vendor"]);
  expect(tree.needsCheckout).toEqual([{ kind: "submodule", path: "vendor/lib", count: 1, detail: "" }]);
});

test("what a checkout would not find here either is a reason to check out elsewhere, where it matches", async () => {
  write("img/a.png", pointer("one"));
  write("img/b.png", pointer("two"));
  write("img/c.psd");
  write("docs/old.txt", "text");
  write(".gitattributes", "*.png filter=lfs diff=lfs merge=lfs -text\n* text=auto\n*.psd filter=other\n");
  write("docs/.gitattributes", "old.txt working-tree-encoding=SHIFT-JIS\n");
  commit();
  expect((await open()).needsCheckout).toEqual([
    { kind: "encoding", path: "docs/old.txt", count: 1, detail: "working-tree-encoding=SHIFT-JIS" },
    { kind: "lfs", path: "img/a.png", count: 2, detail: "filter=lfs" },
    { kind: "filter", path: "img/c.psd", count: 1, detail: "filter=other" },
  ]);
  expect((await open({ subdirectory: "docs" })).needsCheckout.map(({ kind }) => kind)).toEqual(["encoding"]);
  expect((await open({ subdirectory: "img" })).needsCheckout.map(({ kind }) => kind)).toEqual([
    "lfs",
    "filter",
  ]);
});

test("line ends, encodings and idents are those of a checkout, with sizes and times that tell of them", async () => {
  write("win.bat", "a\nb\n");
  write("wide.txt", "wide\n");
  write("id.c", "/* $Id$ */\n");
  write("plain", "a\nb\n");
  const before = new Map((await entriesAt(commit())).map((entry) => [entry.path.toString(), entry]));
  write(".gitattributes", "*.bat eol=crlf\nwide.txt working-tree-encoding=UTF-16LE-BOM\n*.c ident\n");
  git("add", ".gitattributes");
  git("commit", "-q", "-m", "attributes");
  execFileSync("git", ["clone", "-q", repository, join(work, "checkout")], { env: environment });
  const tree = await open();
  expect(tree.needsCheckout).toEqual([]);
  for (const entry of await entries(tree)) {
    const name = entry.path.toString();
    const there = readFileSync(join(work, "checkout", name), "latin1");
    expect(await content(tree, entry), name).toBe(there);
    expect(entry.size, name).toBe(there.length);
    const same = before.get(name)?.modTime === entry.modTime;
    expect(same, name).toBe(name === "plain");
  }
});

test("an id of a tree names what is served: conversions from above the subdirectory change it", async () => {
  write("d/a.bat", "a\n");
  commit();
  const plain = await open({ subdirectory: "d" });
  expect(plain.treeId).toBe(git("rev-parse", "HEAD:d"));
  write(".gitattributes", "*.bat eol=crlf\n");
  commit();
  const converted = await open({ subdirectory: "d" });
  expect(converted.treeId).not.toBe(plain.treeId);
  write("beside");
  commit();
  expect((await open({ subdirectory: "d" })).treeId).toBe(converted.treeId);
});

test("LFS objects that were fetched stand in place of their pointers", async () => {
  write("a.bin", pointer("the content"));
  write("b.bin", pointer("not fetched"));
  write("c.bin", "no pointer");
  write("empty.bin", "");
  write(".gitattributes", "*.bin filter=lfs\n");
  commit();
  const oid = createHash("sha256").update("the content").digest("hex");
  const store = join(repository, ".git/lfs/objects", oid.slice(0, 2), oid.slice(2, 4));
  mkdirSync(store, { recursive: true });
  writeFileSync(join(store, oid), "the content");
  const tree = await open();
  const read = new Map<string, string>();
  for (const entry of await entries(tree)) read.set(entry.path.toString(), await content(tree, entry));
  expect(read.get("a.bin")).toBe("the content");
  expect(read.get("b.bin")).toBe(pointer("not fetched"));
  expect(read.get("c.bin")).toBe("no pointer");
  expect(read.get("empty.bin")).toBe("");
  expect(tree.needsCheckout).toEqual([{ kind: "lfs", path: "b.bin", count: 1, detail: "filter=lfs" }]);
});

test("submodules that were cloned are served in their place, with their own attributes and submodules", async () => {
  const made = (name: string) => {
    const path = join(work, name);
    execFileSync("git", ["init", "-q", "-b", "main", path], { env: environment });
    return (...args: string[]) => git("-C", path, ...args);
  };
  const deep = made("deep");
  writeFileSync(join(work, "deep/bottom"), "bottom");
  deep("add", "-A");
  deep("commit", "-q", "-m", "deep");
  const lib = made("lib");
  writeFileSync(join(work, "lib/run.bat"), "x\n");
  writeFileSync(join(work, "lib/.gitattributes"), "*.bat eol=crlf\n");
  lib("add", "-A");
  lib("-c", "protocol.file.allow=always", "submodule", "add", "-q", join(work, "deep"), "inner/deep");
  lib("commit", "-q", "-m", "lib");
  write("a");
  write("own.bat", "x\n");
  git("-c", "protocol.file.allow=always", "submodule", "add", "-q", join(work, "lib"), "vendor/lib");
  git("-c", "protocol.file.allow=always", "submodule", "update", "-q", "--init", "--recursive");
  commit();
  const tree = await open();
  expect(tree.needsCheckout).toEqual([]);
  const disk = await entries(createDirectoryTree(repository), { excludePatterns: ["**/.git"] });
  const seen = await entries(tree);
  expect(seen.map(({ path, size }) => [path.toString(), size])).toEqual(
    disk.map(({ path, size }) => [path.toString(), size]),
  );
  for (const subdirectory of ["vendor/lib", "vendor/lib/inner/deep"]) {
    const inside = await open({ subdirectory });
    expect(inside.commit).toBe(tree.commit);
    const below = await entries(inside);
    expect(below.map(({ path }) => `${subdirectory}/${path.toString()}`)).toEqual(
      seen.map(({ path }) => path.toString()).filter((path) => path.startsWith(`${subdirectory}/`)),
    );
  }
  await expect(open({ subdirectory: "vendor/lib/nope" })).rejects.toMatchObject({ code: "file_not_found" });
});

test("a submodule whose name leads out of the repository is left out", async () => {
  write("a");
  const id = commit();
  write(".gitmodules", `[submodule "../../evil"]\n\tpath = lib\n\turl = ./x\n`);
  git("clone", "-q", "--bare", repository, join(repository, ".git/evil"));
  git("add", ".gitmodules");
  git("update-index", "--add", "--cacheinfo", `160000,${id},lib`);
  git("commit", "-q", "-m", "evil");
  expect((await open()).needsCheckout.map(({ path }) => path)).toEqual(["lib"]);
});

test("a worktree, whose .git is a file, is a repository too", async () => {
  write("a");
  commit();
  git("worktree", "add", "-q", "--detach", join(work, "tree"));
  const tree = await open({ repository: join(work, "tree"), commit: "HEAD" });
  expect((await entries(tree)).map(({ path }) => path.toString())).toEqual(["a"]);
  expect(readdirSync(join(work, "tree"))).toContain(".git");
});
