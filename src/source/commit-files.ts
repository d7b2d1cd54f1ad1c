import { type ContextTree, constantTime, createIndexedTree, type TreeEntry } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { gitDirectoryOf, gitFailure, startGit, watchStderr } from "./git-process.js";
import { ObjectReader } from "./object-reader.js";

/** What a commit has at a path. Links are not followed: below a link there is nothing. */
export interface CommitPath {
  /** As git writes it: `100644`, `100755`, `120000` for a link, `040000` for a directory, `160000` for a submodule. */
  readonly mode: string;
  /** Id of the blob, tree or commit: equal ids mean equal content, below directories too. */
  readonly id: string;
}

/** Single paths of a commit, for who does not need its whole tree. */
export interface CommitFiles {
  /** Id of the tree of a directory; `.` is the root. Undefined when there is none. */
  treeId(path: string): Promise<string | undefined>;
  /** What is at these paths; those that are not there are left out. At most a few hundred. */
  lookup(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, CommitPath>>;
  /** Content of a file; undefined when there is none, or it is larger than `limit` bytes. */
  read(path: string, limit: number, signal: AbortSignal): Promise<Buffer | undefined>;
  /** Author's name and first line of the message, as the commit has them. */
  about(signal: AbortSignal): Promise<{ readonly author: string; readonly subject: string }>;
  /** The files of the root directory alone, without its directories. */
  root(signal: AbortSignal): Promise<ContextTree>;
  close(): Promise<void>;
}

/** Opens a commit (a full id) of a bare repository. */
export function openCommitFiles(repository: string, commit: string): CommitFiles {
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit))
    throw new GalleyError("git_ref_not_found", `${JSON.stringify(commit)} is no full id of a commit.`);
  const gitDirectory = gitDirectoryOf(repository);
  const reader = new ObjectReader(repository, gitDirectory);
  const nameOf = (path: string) => {
    const clean = cleanPath(path);
    return clean === "" ? `${commit}^{tree}` : `${commit}:${clean}`;
  };
  return {
    async treeId(path) {
      const found = await reader.info(nameOf(path));
      return found?.type === "tree" ? found.id : undefined;
    },
    async lookup(paths, signal) {
      const found = new Map<string, CommitPath>();
      if (paths.length === 0) return found;
      const wanted = new Set(paths.map(cleanPath));
      const listed = await listPaths(repository, gitDirectory, commit, [...wanted], signal);
      // The directories on the way are listed, too.
      for (const { mode, id, path } of listed) if (wanted.has(path)) found.set(path, { mode, id });
      return found;
    },
    async read(path, limit, signal) {
      const header = await reader.info(nameOf(path));
      if (header?.type !== "blob" || header.size > limit) return undefined;
      const chunks: Buffer[] = [];
      for await (const chunk of reader.contents(header.id, signal)) if (chunk) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    async about(signal) {
      const chunks: Buffer[] = [];
      for await (const chunk of reader.contents(commit, signal)) if (chunk) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString("utf8");
      const end = text.indexOf("\n\n");
      const [, author = ""] = /^author ([^<\n]*)</m.exec(text.slice(0, end)) ?? [];
      return { author: author.trim(), subject: text.slice(end + 2).split("\n", 1)[0] ?? "" };
    },
    async root(signal) {
      const listed = await listPaths(repository, gitDirectory, commit, [], signal);
      const files = listed.filter(({ mode }) => mode === "100644" || mode === "100755");
      const entries = files.map(({ path, mode, size, id }): TreeEntry & { readonly id: string } => ({
        path: Buffer.from(path),
        mode: mode === "100755" ? 0o755 : 0o644,
        uid: 0,
        gid: 0,
        size,
        modTime: constantTime,
        id,
      }));
      return createIndexedTree(entries, async function* (entry, ended) {
        for await (const chunk of reader.contents(entry.id, ended)) if (chunk) yield chunk;
      });
    },
    close: () => reader.close(),
  };
}

function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || /[\0\n]/.test(path))
    throw new GalleyError("file_not_found", `${JSON.stringify(path)} is no path of a repository.`);
  return parts.join("/");
}

interface ListedPath extends CommitPath {
  readonly path: string;
  readonly size: number;
}

const longestListing = 8 * 1024 * 1024;

/** No paths: the root's entries. A path that lies in another one of the list is found as well. */
async function listPaths(
  repository: string,
  gitDirectory: string,
  commit: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ListedPath[]> {
  signal.throwIfAborted();
  const args = ["--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree", "-t", commit, "--", ...paths];
  const child = startGit(gitDirectory, args);
  const stderr = watchStderr(child);
  const stop = () => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  try {
    child.stdin.on("error", () => {}).end();
    const chunks: Buffer[] = [];
    let length = 0;
    const code = await new Promise<number | null>((resolve, reject) => {
      child.stdout.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > longestListing) stop();
        else chunks.push(chunk);
      });
      child.once("error", (error) => reject(gitFailure(repository, "", error)));
      child.once("close", resolve);
    });
    signal.throwIfAborted();
    if (code !== 0) throw gitFailure(repository, stderr());
    return Buffer.concat(chunks).toString("utf8").split("\0").flatMap(parseLine);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function parseLine(line: string): ListedPath[] {
  const [, mode = "", id = "", size = "", path = ""] =
    /^(\d{6}) [a-z]+ ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(line) ?? [];
  return path === "" ? [] : [{ mode, id, path, size: size === "-" ? 0 : Number(size) }];
}
