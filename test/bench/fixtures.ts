// Trees and repositories of a given size. Contents are random: neither git nor the daemon can make them smaller.

import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.js";

export interface TreeShape {
  readonly files: number;
  /** Of each file. */
  readonly bytes: number;
}

export const manySmall: TreeShape = { files: 20_000, bytes: 4096 };
export const fewLarge: TreeShape = { files: 50, bytes: 10_000_000 };

export const treeBytes = ({ files, bytes }: TreeShape): number => files * bytes;

/** A hundred files to a folder: `d017/f0042.bin`. */
export const treeFile = (index: number): string =>
  `d${String(Math.floor(index / 100)).padStart(3, "0")}/f${String(index % 100).padStart(4, "0")}.bin`;

/** Writes the tree and, beside its files, those of `extra` (path: text). */
export async function makeTree(
  folder: string,
  { files, bytes }: TreeShape,
  extra: Readonly<Record<string, string>>,
): Promise<void> {
  const content = Buffer.allocUnsafe(bytes);
  for (let index = 0; index < files; index++) {
    if (index % 100 === 0) await mkdir(join(folder, treeFile(index), ".."), { recursive: true });
    await writeFile(join(folder, treeFile(index)), randomFillSync(content));
  }
  for (const [path, text] of Object.entries(extra)) await writeFile(join(folder, path), text);
}

/** The size of a file that takes no room on the disk. */
export async function makeSparse(path: string, bytes: number): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.truncate(bytes);
  } finally {
    await file.close();
  }
}

/** A bare repository whose branch `main` has what is in the folder; symlinks and modes are not kept. */
export async function makeRepository(bench: Bench, repository: string, folder: string): Promise<void> {
  await bench.measure(bench.git(["init", "--quiet", "--bare", "--initial-branch=main", repository]));
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  await fastImport(bench, repository, async (write) => {
    await write("commit refs/heads/main\ncommitter bench <bench> 1700000000 +0000\ndata 5\nfirst\n");
    for (const path of files.sort()) await writeBlob(write, path, await readFile(join(folder, path)));
  });
}

/** A commit on top of `main` that gives one file this text; `ref` (default: `main` itself) then stands for it. */
export function commitFile(
  bench: Bench,
  repository: string,
  path: string,
  text: string,
  ref = "refs/heads/main",
): Promise<void> {
  return commitFiles(bench, repository, { [path]: text }, ref);
}

/** The same with several files, by path. */
export async function commitFiles(
  bench: Bench,
  repository: string,
  files: Readonly<Record<string, string>>,
  ref: string,
): Promise<void> {
  // Without history: what a pull request's head was before does not matter.
  if (ref !== "refs/heads/main")
    await bench.measure(bench.git(["-C", repository, "update-ref", ref, "refs/heads/main"]));
  await fastImport(bench, repository, async (write) => {
    await write(`commit ${ref}\ncommitter bench <bench> 1700000001 +0000\ndata 4\nnext\n`);
    await write("from refs/heads/main^0\n");
    for (const [path, text] of Object.entries(files)) await writeBlob(write, path, Buffer.from(text));
  });
  // A branch of the repository, as pull requests have that are nobody's fork.
  const pull = /^refs\/pull\/(\d+)\/head$/.exec(ref)?.[1];
  if (pull !== undefined)
    await bench.measure(bench.git(["-C", repository, "update-ref", `refs/heads/change-${pull}`, ref]));
}

type Write = (chunk: string | Buffer) => Promise<void>;

async function writeBlob(write: Write, path: string, content: Buffer): Promise<void> {
  await write(`M 100644 inline ${path}\ndata ${content.length}\n`);
  await write(content);
  await write("\n");
}

async function fastImport(
  bench: Bench,
  repository: string,
  fill: (write: Write) => Promise<void>,
): Promise<void> {
  const { command, args, env } = bench.git(["-C", repository, "fast-import", "--quiet"]);
  const child = spawn(command, args, { env, stdio: ["pipe", "ignore", "pipe"], signal: bench.signal });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stdin.on("error", () => {}); // git's own words say more than a broken pipe
  const ended = once(child, "close");
  await fill(async (chunk) => {
    if (!child.stdin.write(chunk)) await Promise.race([once(child.stdin, "drain"), ended]);
  });
  child.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`git fast-import ended with ${code}:\n${said}`);
}

/** Files and bytes of all that is in a folder. */
export async function measureFolder(folder: string): Promise<{ files: number; bytes: number }> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  let files = 0;
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    files++;
    bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return { files, bytes };
}
