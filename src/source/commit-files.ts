import { type ContextTree, constantTime, createIndexedTree, type TreeEntry } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { gitDirectoryOf, gitFailure } from "./git-process.js";
import { ObjectReader } from "./object-reader.js";
import { parseTreeObject, type TreeObjectEntry } from "./tree-object.js";

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

/** Bytes of one directory's listing: some hundred thousand names. */
const longestListing = 8 * 1024 * 1024;
const directory = "040000";

/**
 * Opens a commit (a full id) of a bare repository. All questions go to one git, which is started here: a process for each would be most
 * of the time of planning a deployment.
 */
export function openCommitFiles(repository: string, commit: string): CommitFiles {
  if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commit))
    throw new GalleyError("git_ref_not_found", `${JSON.stringify(commit)} is no full id of a commit.`);
  const reader = new ObjectReader(repository, gitDirectoryOf(repository));
  const trees = new Map<string, Promise<ReadonlyMap<string, TreeObjectEntry>>>();
  /** The entries of a directory, by its name for git; they are read once. */
  const list = (name: string, signal: AbortSignal) => {
    const known = trees.get(name);
    if (known) return known;
    const listing = readTree(name, signal);
    trees.set(name, listing);
    // An aborted one is nobody else's failure.
    listing.catch(() => trees.delete(name));
    return listing;
  };
  const readTree = async (name: string, signal: AbortSignal) => {
    const header = await reader.info(name);
    if (header === undefined) throw gitFailure(repository, `missing object ${name}`);
    if (header.type !== "tree" || header.size > longestListing)
      throw gitFailure(repository, `${name} is a ${header.type} of ${header.size} bytes`);
    const chunks: Buffer[] = [];
    for await (const chunk of reader.contents(header.id, signal)) if (chunk) chunks.push(chunk);
    const entries = parseTreeObject(Buffer.concat(chunks), commit.length / 2);
    if (!entries) throw gitFailure(repository, `corrupt tree ${name}`);
    return entries;
  };
  const find = async (path: string, signal: AbortSignal): Promise<CommitPath | undefined> => {
    let found: TreeObjectEntry | undefined;
    for (const part of path.split("/")) {
      if (found && found.mode !== directory) return undefined;
      found = (await list(found?.id ?? `${commit}^{tree}`, signal)).get(part);
      if (!found) return undefined;
    }
    return found;
  };
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
      const wanted = new Set(paths.map(cleanPath).filter((path) => path !== ""));
      await Promise.all(
        [...wanted].map(async (path) => {
          const entry = await find(path, signal);
          if (entry) found.set(path, entry);
        }),
      );
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
      const listed = [...(await list(`${commit}^{tree}`, signal))];
      const files = listed.filter(([, { mode }]) => mode === "100644" || mode === "100755");
      const entries = await Promise.all(
        files.map(async ([path, { mode, id }]): Promise<TreeEntry & { readonly id: string }> => {
          const header = await reader.info(id);
          if (header === undefined) throw gitFailure(repository, `missing object ${id}`);
          return {
            path: Buffer.from(path),
            mode: mode === "100755" ? 0o755 : 0o644,
            uid: 0,
            gid: 0,
            size: header.size,
            modTime: constantTime,
            id,
          };
        }),
      );
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
