import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { goMode } from "../fsutil/mode.js";
import type { ContextTree, TreeEntry, TreeFilter } from "../fsutil/tree.js";
import { createDirectoryTree } from "./directory-tree.js";
import { createFilesTree } from "./files-tree.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "galley-tree-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const signal = new AbortController().signal;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function write(path: string, content = path): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
}

async function entries(tree: ContextTree, filter: Partial<TreeFilter> = {}): Promise<TreeEntry[]> {
  const all = { includePatterns: [], excludePatterns: [], followPaths: [], ...filter };
  return collect(tree.entries(all, signal));
}

async function paths(tree: ContextTree, filter: Partial<TreeFilter> = {}): Promise<string[]> {
  return (await entries(tree, filter)).map((entry) => entry.path.toString());
}

async function content(tree: ContextTree, entry: TreeEntry | undefined): Promise<string> {
  if (entry === undefined) throw new Error("no such entry");
  return Buffer.concat(await collect(tree.read(entry, signal))).toString();
}

const changed = expect.objectContaining({ code: "context_changed" });

test("entries come bytewise with a directory's content right behind it", async () => {
  for (const path of ["a/x", "a.b", "a-b/y", "a/é", "a/z", "Z", "b"]) write(path);
  expect(await paths(createDirectoryTree(root))).toEqual([
    "Z",
    "a",
    "a/x",
    "a/z",
    "a/é",
    "a-b",
    "a-b/y",
    "a.b",
    "b",
  ]);
});

test("files, modes, times, links and empty directories are described as they are, owned by root", async () => {
  write("run.sh", "#!/bin/sh\n");
  chmodSync(join(root, "run.sh"), 0o4755);
  utimesSync(join(root, "run.sh"), 1, 1_234_567_890.5);
  symlinkSync("../../etc/passwd", join(root, "link"));
  mkdirSync(join(root, "empty"), { mode: 0o700 });
  const [empty, link, run] = await entries(createDirectoryTree(root));
  expect(empty).toMatchObject({ mode: (goMode.directory | 0o700) >>> 0, size: 0 });
  expect(link).toMatchObject({
    mode: (goMode.symlink | 0o777) >>> 0,
    linkname: Buffer.from("../../etc/passwd"),
  });
  expect(run).toMatchObject({
    mode: (goMode.setuid | 0o755) >>> 0,
    size: 10,
    modTime: 1_234_567_890_500_000_000n,
    uid: 0,
    gid: 0,
  });
});

test("names that are no UTF-8, or that hold line feeds, spaces and stars, keep their bytes", async () => {
  const names = [
    Buffer.from([0x66, 0xff, 0xfe]),
    Buffer.from("a\nb"),
    Buffer.from(" x "),
    Buffer.from("*?[]"),
  ];
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${root}/`), name]), name);
  const tree = createDirectoryTree(root);
  const found = await entries(tree);
  expect(found.map((entry) => entry.path.toString("hex")).sort()).toEqual(
    names.map((n) => n.toString("hex")).sort(),
  );
  for (const entry of found) {
    expect(Buffer.concat(await collect(tree.read(entry, signal)))).toEqual(entry.path);
  }
});

test("an ignored name that is no UTF-8 is not sent", async () => {
  writeFileSync(Buffer.concat([Buffer.from(`${root}/geheim`), Buffer.from([0xe4])]), "secret");
  const pattern = Buffer.concat([Buffer.from("geheim"), Buffer.from([0xe4])]).toString();
  expect(await paths(createDirectoryTree(root), { excludePatterns: [pattern] })).toEqual([]);
  expect(await paths(createDirectoryTree(root), { excludePatterns: ["geheim?"] })).toEqual([]);
});

test("further names of a file are hard links to the first one that is sent", async () => {
  write("a/first", "content");
  linkSync(join(root, "a/first"), join(root, "b"));
  linkSync(join(root, "a/first"), join(root, "c"));
  const all = await entries(createDirectoryTree(root));
  expect(all.map((entry) => [entry.path.toString(), entry.linkname?.toString(), entry.size])).toEqual([
    ["a", undefined, 0],
    ["a/first", undefined, 7],
    ["b", "a/first", 7],
    ["c", "a/first", 7],
  ]);
  const filtered = await entries(createDirectoryTree(root), { excludePatterns: ["a"] });
  expect(filtered.map((entry) => entry.linkname?.toString())).toEqual([undefined, "b"]);
});

test("sockets and devices are left out and reported; a fifo is an entry without content", async () => {
  const server = createServer().listen(join(root, "socket"));
  await new Promise((resolve) => server.once("listening", resolve));
  execFileSync("mkfifo", [join(root, "fifo")]);
  const skipped: string[] = [];
  const tree = createDirectoryTree(root, { onSkipped: (path, kind) => skipped.push(`${kind} ${path}`) });
  const found = await entries(tree);
  server.close();
  expect(skipped).toEqual(["socket socket"]);
  expect(found.map((entry) => [entry.path.toString(), entry.mode & goMode.namedPipe])).toEqual([
    ["fifo", goMode.namedPipe],
  ]);
});

test.each<[string, Partial<TreeFilter>, string[]]>([
  ["everything without patterns", {}, ["d", "d/e", "d/e/f", "d/g", "h", "k"]],
  ["excluded directories go with all they hold", { excludePatterns: ["d"] }, ["h", "k"]],
  [
    "an exception brings its parents along",
    { excludePatterns: ["d", "!d/e/f"] },
    ["d", "d/e", "d/e/f", "h", "k"],
  ],
  ["an exception that matches nothing brings nothing", { excludePatterns: ["d", "!d/e/x"] }, ["h", "k"]],
  ["everything but one", { excludePatterns: ["**", "!d/g"] }, ["d", "d/g"]],
  [
    "exceptions with wildcards are looked for everywhere",
    { excludePatterns: ["*", "!**/f"] },
    ["d", "d/e", "d/e/f"],
  ],
  ["included files bring their parents along", { includePatterns: ["d/e/f"] }, ["d", "d/e", "d/e/f"]],
  ["an included directory brings what it holds", { includePatterns: ["d/e"] }, ["d", "d/e", "d/e/f"]],
  ["includes with wildcards", { includePatterns: ["**/g", "h"] }, ["d", "d/g", "h"]],
  ["excludes win over includes", { includePatterns: ["d"], excludePatterns: ["**/e"] }, ["d", "d/g"]],
  ["followed paths are included", { followPaths: ["d/g", "nope"] }, ["d", "d/g"]],
  ["the followed root is everything", { followPaths: ["."] }, ["d", "d/e", "d/e/f", "d/g", "h", "k"]],
])("a filter: %s", async (_, filter, expected) => {
  for (const path of ["d/e/f", "d/g", "h", "k"]) write(path);
  expect(await paths(createDirectoryTree(root), filter)).toEqual(expected);
  const files = createFilesTree(new Map(["d/e/f", "d/g", "h", "k"].map((path) => [path, path])));
  expect(await paths(files, filter)).toEqual(expected);
});

test("links to files and directories are followed inside the context, for includes only", async () => {
  for (const path of ["real/x", "real/y", "other"]) write(path);
  symlinkSync("real", join(root, "dir"));
  symlinkSync("/other", join(root, "file"));
  symlinkSync("../../../../../../../etc", join(root, "outside"));
  const tree = createDirectoryTree(root);
  expect(await paths(tree, { followPaths: ["dir/x"] })).toEqual(["dir", "real", "real/x"]);
  expect(await paths(tree, { followPaths: ["file"] })).toEqual(["file", "other"]);
  expect(await paths(tree, { followPaths: ["outside/passwd"] })).toEqual(["outside"]);
  expect(await paths(tree, { followPaths: ["d*"] })).toEqual(["dir", "real", "real/x", "real/y"]);
});

test("a root that is a link is followed, one that is missing or a file is refused", async () => {
  write("real/x");
  symlinkSync("real", join(root, "dir"));
  expect(await paths(createDirectoryTree(join(root, "dir")))).toEqual(["x"]);
  expect(() => createDirectoryTree(join(root, "nope"))).toThrow(
    expect.objectContaining({ code: "context_not_found" }),
  );
  expect(() => createDirectoryTree(join(root, "real/x"))).toThrow(
    expect.objectContaining({ code: "context_invalid" }),
  );
});

const large = "x".repeat(300_000);

test.each(["small", large])("what changes between walk and reading is context_changed", async (text) => {
  for (const name of ["gone", "longer", "shorter", "touched", "other", "linked", "same"]) write(name, text);
  const tree = createDirectoryTree(root);
  const found = new Map((await entries(tree)).map((entry) => [entry.path.toString(), entry]));
  rmSync(join(root, "gone"));
  appendFileSync(join(root, "longer"), "y");
  truncateSync(join(root, "shorter"), 1);
  utimesSync(join(root, "touched"), 5, 5);
  write("new", text);
  renameSync(join(root, "new"), join(root, "other"));
  rmSync(join(root, "linked"));
  symlinkSync("/etc/hostname", join(root, "linked"));
  for (const [name, entry] of found) {
    if (name === "same") expect(await content(tree, entry)).toBe(text);
    else await expect(content(tree, entry), name).rejects.toEqual(changed);
  }
});

test("a file that changes while it is read never arrives whole", async () => {
  write("f", "x".repeat(1_000_000));
  const tree = createDirectoryTree(root);
  const [entry] = await entries(tree);
  let received = 0;
  const reading = async () => {
    for await (const chunk of tree.read(entry!, signal)) {
      if (received === 0) appendFileSync(join(root, "f"), "more");
      received += chunk.length;
    }
  };
  await expect(reading()).rejects.toEqual(changed);
  expect(received).toBeLessThan(1_000_000);
});

test("a directory swapped for a link outside gives nothing away, in the walk and in reading", async () => {
  const outside = mkdtempSync(join(tmpdir(), "galley-outside-"));
  writeFileSync(join(outside, "secret"), "12345678");
  write("d/secret", "87654321");
  const tree = createDirectoryTree(root);
  const found = await entries(tree);
  const swap = () => {
    renameSync(join(root, "d"), join(root, "moved"));
    symlinkSync(outside, join(root, "d"));
  };
  swap();
  await expect(content(tree, found.at(-1))).rejects.toEqual(changed);
  rmSync(join(root, "d"));
  renameSync(join(root, "moved"), join(root, "d"));

  const walking = async () => {
    const seen: string[] = [];
    for await (const entry of tree.entries(
      { includePatterns: [], excludePatterns: [], followPaths: [] },
      signal,
    )) {
      seen.push(entry.path.toString());
      if (entry.path.toString() === "d") swap();
    }
    return seen;
  };
  await expect(walking()).rejects.toEqual(changed);
  rmSync(outside, { recursive: true });
});

test("a fifo in the place of a file does not block the reading", async () => {
  write("f");
  const tree = createDirectoryTree(root);
  const [entry] = await entries(tree);
  rmSync(join(root, "f"));
  execFileSync("mkfifo", [join(root, "f")]);
  await expect(content(tree, entry)).rejects.toEqual(changed);
});

test("leaving a walk early closes every directory", async () => {
  for (let at = 0; at < 20; at++) write(`a/b/c/d/${at}`);
  const descriptors = () => readdirSync("/proc/self/fd").length;
  const before = descriptors();
  for await (const entry of createDirectoryTree(root).entries(
    { includePatterns: [], excludePatterns: [], followPaths: [] },
    signal,
  )) {
    if (entry.path.toString() === "a/b/c/d/0") break;
  }
  expect(descriptors()).toBe(before);
});

test("a walk ends when it is aborted", async () => {
  write("a/b");
  const abort = new AbortController();
  const walking = async () => {
    const all = { includePatterns: [], excludePatterns: [], followPaths: [] };
    for await (const _ of createDirectoryTree(root).entries(all, abort.signal)) abort.abort();
  };
  await expect(walking()).rejects.toMatchObject({ name: "AbortError" });
});

test("a tree in memory serves its files and refuses paths that leave it", async () => {
  const tree = createFilesTree(
    new Map([
      ["Dockerfile", "FROM scratch"],
      ["a/b", "x"],
    ]),
  );
  const found = await entries(tree);
  expect(await content(tree, found[0])).toBe("FROM scratch");
  expect(await paths(tree)).toEqual(["Dockerfile", "a", "a/b"]);
  for (const path of ["../x", "/x", "a//b", ".", "", "a/../../b", "x\0y"]) {
    expect(() => createFilesTree(new Map([[path, ""]])), path).toThrow(
      expect.objectContaining({ code: "context_invalid" }),
    );
  }
});

test("times made from content are the same for the same content and differ for other content", async () => {
  const time = async (text: string) => (await entries(createFilesTree(new Map([["f", text]]))))[0]?.modTime;
  expect(await time("one")).toBe(await time("one"));
  expect(await time("one")).not.toBe(await time("two"));
  const seconds = async (text: string) => ((await time(text)) ?? 0n) / 1_000_000_000n;
  expect(await seconds("one"), "a layer keeps whole seconds only").not.toBe(await seconds("two"));
  expect(new Date(Number(await seconds("one")) * 1000).getUTCFullYear()).toBe(2000);
});
