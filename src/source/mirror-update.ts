import type { GalleyError } from "../errors/index.js";
import type { FetchProgress } from "./fetch-progress.js";
import { removeStaleLocks } from "./mirror-directory.js";
import type { MirrorLock } from "./mirror-lock.js";
import { commitsOf, deleteRefs, localRefs } from "./mirror-repository.js";
import { isCommitId } from "./ref-names.js";
import { noSuchRef, type RemoteFailure } from "./remote-failure.js";
import { fetchInto, type RemoteGit } from "./remote-git.js";

/** One ref on its way. */
export interface Wanted {
  /** As the caller has it. */
  readonly ref: string;
  /** As the remote has it: a full ref or a commit's id. */
  readonly source: string;
  /** Where it is kept here. */
  readonly target: string;
}

/** One fetch. */
export interface Work {
  readonly wanted: readonly Wanted[];
  readonly results: Map<string, string | GalleyError>;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FetchProgress) => void;
  readonly lock: MirrorLock;
}

/** Should the claim be gone, nobody will look for children in it either. */
const filing = (lock: MirrorLock) => (pid: number) => void lock.addChild(pid).catch(() => {});

/**
 * Fetches into a bare repository, and does what can be done about what stands in the way: refs that are missing get their
 * result and are left out, commits that the server gives nobody are looked for in its branches, what blocks a ref is removed.
 * Returns what only another repository can do something about: that this one is damaged, or names its objects otherwise than
 * the remote. Throws what else failed.
 */
export async function update(git: RemoteGit, path: string, work: Work): Promise<RemoteFailure | undefined> {
  const { results, signal, onProgress, lock } = work;
  let rest = work.wanted.filter(({ ref }) => !results.has(ref));
  let cleared = false;
  while (rest.length > 0) {
    const failure = await fetchInto(git, {
      path,
      refspecs: rest.map(({ source, target }) => `+${source}:${target}`),
      signal,
      onProgress,
      onStart: filing(lock),
    });
    if (failure === undefined) return undefined;
    if (failure.kind === "damaged" || failure.kind === "object-format") return failure;
    if (failure.kind === "missing-ref") {
      const missing = rest.filter(({ source }) => source === failure.ref);
      if (missing.length === 0) throw failure.error;
      for (const { ref } of missing) results.set(ref, noSuchRef(git.remote, ref));
      rest = rest.filter(({ source }) => source !== failure.ref);
    } else if (failure.kind === "unadvertised" && rest.some(({ source }) => isCommitId(source))) {
      await throughBranches(git, path, work, rest);
      rest = rest.filter(({ source }) => !isCommitId(source));
    } else if (failure.kind === "refs-in-the-way" && !cleared) {
      cleared = true;
      await clearTheWay(git, path, rest, signal);
    } else {
      throw failure.error;
    }
  }
  return undefined;
}

/** For servers that give no commit by its id: everything that has a name is fetched, and the commit looked for in it. */
async function throughBranches(
  git: RemoteGit,
  path: string,
  { results, signal, onProgress, lock }: Work,
  rest: readonly Wanted[],
): Promise<void> {
  const named = rest.filter(({ source }) => !isCommitId(source));
  const refspecs = [
    ...named.map(({ source, target }) => `+${source}:${target}`),
    "+refs/heads/*:refs/heads/*",
    "+refs/tags/*:refs/tags/*",
  ];
  const failure = await fetchInto(git, { path, refspecs, signal, onProgress, onStart: filing(lock) });
  if (failure !== undefined) throw failure.error;
  const ids = rest.filter(({ source }) => isCommitId(source)).map(({ source }) => source);
  const found = await commitsOf(path, ids, signal);
  for (const [at, id] of ids.entries()) results.set(id, found[at] ?? noSuchRef(git.remote, id));
}

/** A branch `a` that became `a/b`, or lock files that a killed git left. */
async function clearTheWay(
  git: RemoteGit,
  path: string,
  wanted: readonly Wanted[],
  signal: AbortSignal,
): Promise<void> {
  await removeStaleLocks(path);
  const local = await localRefs(path, git.options, signal);
  const inTheWay = local.filter((name) =>
    wanted.some(({ target }) => name.startsWith(`${target}/`) || target.startsWith(`${name}/`)),
  );
  await deleteRefs(path, inTheWay, git.options, signal);
}
