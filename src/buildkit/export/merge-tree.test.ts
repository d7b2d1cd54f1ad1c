import { execFile } from "node:child_process";
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { mergeTree, removeTree } from "./merge-tree.js";

const run = promisify(execFile);
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "galley-merge-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const closedTree = async (path: string, file: string) => {
  await mkdir(join(path, "closed", "deeper"), { recursive: true });
  await writeFile(join(path, "closed", "deeper", file), file);
  await chmod(join(path, "closed", "deeper"), 0o555);
  await chmod(join(path, "closed"), 0o555);
};

test("Directories without write permission are joined, twice as well, and keep their modes.", async () => {
  await closedTree(join(directory, "one"), "1");
  await closedTree(join(directory, "two"), "2");
  await mkdir(join(directory, "to"));
  for (const from of ["one", "two"]) await mergeTree(join(directory, from), join(directory, "to"));
  expect((await readdir(join(directory, "to/closed/deeper"))).sort()).toEqual(["1", "2"]);
  for (const path of ["to/closed", "to/closed/deeper"]) {
    expect((await lstat(join(directory, path))).mode & 0o7777).toBe(0o555);
  }
  await removeTree(join(directory, "to"));
  expect(await readdir(directory)).not.toContain("to");
});

test("Names need not be text.", async () => {
  const name = Buffer.from([0x66, 0xff, 0xfe, 0x31]);
  const path = (...parts: (string | Buffer)[]) =>
    Buffer.concat(
      parts.flatMap((part, at) => (at === 0 ? [Buffer.from(part)] : [Buffer.from("/"), Buffer.from(part)])),
    );
  await mkdir(join(directory, "from/d"), { recursive: true });
  await mkdir(join(directory, "to/d"), { recursive: true });
  await writeFile(path(directory, "from", "d", name), "new");
  await writeFile(path(directory, "to", "d", name), "old");
  await mergeTree(join(directory, "from"), join(directory, "to"));
  const { stdout } = await run("sh", ["-c", 'cat "$1"/to/d/*', "sh", directory]);
  expect(stdout).toBe("new");
});
