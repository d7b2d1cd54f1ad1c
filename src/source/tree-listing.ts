import { GalleyError } from "../errors/index.js";
import { gitFailure, startGit, watchStderr } from "./git-process.js";

/** One line of `git ls-tree`. */
export interface ListedObject {
  /** Octal, as git has it: 100644, 100755, 120000, 040000, 160000. */
  readonly mode: number;
  readonly id: string;
  /** Bytes; 0 for trees and submodules. */
  readonly size: number;
  readonly path: Buffer;
}

/**
 * Lists a tree with all that is below it, in git's order (which is not that of paths: directories sort as if their name
 * ended in a slash). Throws `git_repository_invalid` for objects that are not there.
 */
export async function* listTree(
  repository: string,
  gitDirectory: string,
  treeId: string,
  signal: AbortSignal,
): AsyncGenerator<ListedObject, void, undefined> {
  yield* list(repository, gitDirectory, ["-r", "-t", treeId], signal);
}

/** Those of the paths that are submodules in a commit. */
export async function listLinks(
  repository: string,
  gitDirectory: string,
  commit: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<ListedObject[]> {
  const links: ListedObject[] = [];
  for await (const object of list(repository, gitDirectory, [commit, "--", ...paths], signal)) {
    if ((object.mode & 0o170000) === 0o160000) links.push(object);
  }
  return links;
}

async function* list(
  repository: string,
  gitDirectory: string,
  what: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ListedObject, void, undefined> {
  const child = startGit(gitDirectory, ["ls-tree", "-l", "-z", "--full-tree", ...what]);
  const stderr = watchStderr(child);
  const exited = new Promise<{ code: number | null; error?: Error }>((resolve) => {
    child.once("error", (error) => resolve({ code: null, error }));
    child.once("close", (code) => resolve({ code }));
  });
  const kill = () => child.kill("SIGKILL");
  signal.addEventListener("abort", kill, { once: true });
  try {
    child.stdin.end();
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = bytes.indexOf(0); end >= 0; end = bytes.indexOf(0)) {
        yield parseLine(repository, bytes.subarray(0, end));
        bytes = bytes.subarray(end + 1);
      }
      rest = bytes;
    }
    signal.throwIfAborted();
    const { code, error } = await exited;
    if (code !== 0 || rest.length > 0) throw gitFailure(repository, stderr(), error);
  } finally {
    signal.removeEventListener("abort", kill);
    kill();
    await exited;
  }
}

function parseLine(repository: string, line: Buffer): ListedObject {
  const tab = line.indexOf(9);
  const [mode = "", , id = "", size = ""] = line.toString("latin1", 0, tab).split(/ +/);
  // A copy: a view would keep the whole listing in memory.
  const path = Buffer.from(line.subarray(tab + 1));
  if (!/^[0-7]{6}$/.test(mode) || !/^[0-9a-f]{40,64}$/.test(id) || !/^(\d+|-)$/.test(size)) {
    throw new GalleyError(
      "git_repository_invalid",
      `The git repository ${repository} is damaged or incomplete: the object of ${path.toString()} is missing.`,
      {
        hint: "Fetch it again in full (git fsck names what is missing; partial clones cannot be built from).",
      },
    );
  }
  return { mode: Number.parseInt(mode, 8), id, size: size === "-" ? 0 : Number(size), path };
}
