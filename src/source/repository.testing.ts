// A git repository of its own for every test of a file, and ways to write, commit and look at trees.
import { execFileSync } from "node:child_process";
import { setMaxListeners } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { TreeEntry, TreeFilter } from "../buildkit/index.js";
import { createGitTree, type GitTree, type GitTreeOptions } from "./git-tree.js";

export let work: string;
export let repository: string;
const trees: GitTree[] = [];

export function useRepository(): void {
  beforeEach(() => {
    work = mkdtempSync(join(tmpdir(), "galley-git-"));
    repository = join(work, "repo");
    mkdirSync(repository);
    git("init", "-q", "-b", "main");
  });
  afterEach(async () => {
    for (const tree of trees.splice(0)) await tree.close();
    rmSync(work, { recursive: true, force: true });
  });
}

export const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"))),
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.test",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.test",
};

export function git(...args: string[]): string {
  return execFileSync("git", args, {
    cwd: repository,
    env: environment,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  }).trim();
}

export function write(path: string, content = path): void {
  mkdirSync(join(repository, path, ".."), { recursive: true });
  writeFileSync(join(repository, path), content);
}

export function commit(): string {
  git("add", "-A");
  git("commit", "-q", "-m", "c", "--allow-empty");
  return git("rev-parse", "HEAD");
}

export async function open(options: Partial<GitTreeOptions> = {}): Promise<GitTree> {
  const tree = await createGitTree({ repository, commit: "main", ...options });
  trees.push(tree);
  return tree;
}

export const signal: AbortSignal = new AbortController().signal;
setMaxListeners(0, signal);

export async function entries(
  tree: { entries: GitTree["entries"] },
  filter: Partial<TreeFilter> = {},
): Promise<TreeEntry[]> {
  const found: TreeEntry[] = [];
  const all = { includePatterns: [], excludePatterns: [], followPaths: [], ...filter };
  for await (const entry of tree.entries(all, signal)) found.push(entry);
  return found;
}

export async function content(tree: GitTree, entry: TreeEntry | undefined): Promise<string> {
  if (entry === undefined) throw new Error("no such entry");
  const chunks: Uint8Array[] = [];
  for await (const chunk of tree.read(entry, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}
