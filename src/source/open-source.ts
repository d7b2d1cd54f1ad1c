import { BuildKitError, type TreeEntry } from "../buildkit/index.js";
import { abortAfter, GalleyError, orAborted, withDeadline } from "../errors/index.js";
import { type AddressGuard, createAddressGuard } from "./address-guard.js";
import { type ForkBase, forkBase } from "./fork-base.js";
import type { Credential } from "./git-options.js";
import { runGit } from "./git-run.js";
import { createGitTree, type GitTree } from "./git-tree.js";
import { createLfsObjects, type LfsObjects } from "./lfs-objects.js";
import type { LfsPointer } from "./lfs-pointer.js";
import type { Mirror } from "./mirror.js";
import { forksPlace } from "./mirror-directory.js";
import { ObjectReader } from "./object-reader.js";
import { plainEnvironment } from "./remote-access.js";
import { parseRemote, type Remote, resolveSubmodule, sameOrigin } from "./remote-url.js";
import type { SubmoduleLink } from "./submodules.js";
import { type LfsObject, type SubmoduleSource, storedObject, type TreeSources } from "./tree-sources.js";

export interface OpenSourceOptions {
  readonly mirror: Mirror;
  /** Full id of a commit that was fetched into the mirror. */
  readonly commit: string;
  /** Directory inside the repository that is the root of the context. Default: all of it. */
  readonly subdirectory?: string;
  /** False: submodules are left out, as nothing of them is wanted (for reading a manifest). Default true. */
  readonly submodules?: boolean;
  /**
   * The commit may be anybody's: the mirror's credential is for its own repository alone, and no submodule or LFS server that the commit
   * names is shown it. Of LFS objects it brings those that the repository's default branch has where the commit goes on from it; others are
   * had without it, and not from what it has brought before. Default false.
   */
  readonly fork?: boolean;
  readonly modTime?: (path: string, blobId: string) => bigint;
  readonly signal: AbortSignal;
  /** Deadline of the preparation, with the submodules' fetches, in milliseconds. Default 1,800,000. */
  readonly timeoutMs?: number;
}

/**
 * A commit of a mirror as a build context, complete: submodules are fetched into mirrors of their own inside this one and
 * stand in their place, LFS objects are fetched when they are read (`createGitTree` says what else a tree has). A mirror in
 * which objects turn out to be missing is made anew once, and marked as damaged when that shows only while it is being read.
 *
 * Throws like `createGitTree`, and for submodules like `Mirror.fetch`.
 */
export async function openSource(options: OpenSourceOptions): Promise<GitTree> {
  const { mirror, commit, signal } = options;
  const opened: Opened = { objects: [], submodules: [] };
  const open = () =>
    createGitTree({
      repository: mirror.path,
      commit,
      sources: mirrorSources(
        { mirror, commit, fork: options.fork ?? false },
        options.submodules ?? true,
        opened,
      ),
      signal,
      timeoutMs: options.timeoutMs ?? 1_800_000,
      ...(options.subdirectory === undefined ? {} : { subdirectory: options.subdirectory }),
      ...(options.modTime === undefined ? {} : { modTime: options.modTime }),
    });
  const close = () => {
    for (const objects of opened.objects) objects.close();
  };
  try {
    let tree: GitTree;
    try {
      tree = await open();
    } catch (error) {
      if (!(error instanceof GalleyError) || error.code !== "git_repository_invalid") throw error;
      // Which one it is that something is missing in cannot be told from here.
      for (const submodule of opened.submodules) await submodule.reportDamage();
      await mirror.renew([commit], { signal });
      tree = await open();
    }
    return {
      ...tree,
      read: (entry, reading) => readNoting(tree, entry, reading, [mirror, ...opened.submodules]),
      close: async () => {
        close();
        await tree.close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** What a tree was put together from. */
interface Opened {
  readonly objects: Pick<LfsObjects, "close">[];
  readonly submodules: Mirror[];
}

async function* readNoting(
  tree: GitTree,
  entry: TreeEntry,
  signal: AbortSignal,
  mirrors: readonly Mirror[],
): AsyncGenerator<Uint8Array> {
  try {
    yield* tree.read(entry, signal);
  } catch (error) {
    const cause =
      error instanceof BuildKitError && error.code === "context_invalid" ? error.cause : undefined;
    const ours = cause instanceof GalleyError && cause.code === "git_repository_invalid";
    if (ours || (error instanceof BuildKitError && cause === undefined)) {
      for (const mirror of mirrors) await mirror.reportDamage();
    }
    throw error;
  }
}

/** Milliseconds for the default branch of a repository. */
const baseMs = 600_000;

/** A commit of a mirror, and whether anybody may have written it. */
interface Place {
  readonly mirror: Mirror;
  readonly commit: string;
  readonly fork: boolean;
  /** The mirror is for forks alone: no credential has brought anything there. */
  readonly apart?: boolean;
}

function mirrorSources(place: Place, submodules: boolean, opened: Opened): TreeSources {
  const { mirror, commit, fork, apart } = place;
  let guard: Promise<AddressGuard> | undefined;
  const guarded = () => {
    guard ??= createAddressGuard(mirror.remote.host);
    return guard;
  };
  const objectsOf = (
    directory: string,
    at: () => Promise<string | undefined>,
    credential: Credential | null,
  ) => {
    const objects = createLfsObjects(directory, async () => {
      const named = await at();
      const configured = named === undefined ? undefined : await configuredServer(mirror, named);
      return { remote: mirror.remote, credential, git: mirror.git, configured, guard: await guarded() };
    });
    opened.objects.push(objects);
    return objects;
  };
  const open = () => {
    const { path, credential } = mirror;
    return fork && !apart
      ? forksObjects(place, objectsOf, opened)
      : objectsOf(path, async () => commit, credential);
  };
  let objects: ReturnType<typeof open> | undefined;
  return {
    submodule: async (link, signal) =>
      submodules ? await openSubmodule(place, link, await guarded(), opened, signal) : undefined,
    lfs: (pointer, id) => {
      if (mirror.remote.kind === "file") return besideOrigin(mirror, pointer);
      objects ??= open();
      return objects.object(pointer, id);
    },
  };
}

/**
 * LFS objects for a fork's code. Those that its base has come as they come for the repository itself, from the server that the base names;
 * all others are asked for as anybody would, and kept where forks alone look.
 */
function forksObjects(
  { mirror, commit }: Place,
  objectsOf: (
    directory: string,
    at: () => Promise<string | undefined>,
    credential: Credential | null,
  ) => LfsObjects,
  opened: Opened,
): { object(pointer: LfsPointer, id: string): LfsObject } {
  const ended = new AbortController();
  opened.objects.push({ close: () => ended.abort(closed()) });
  let found: Promise<ForkBase> | undefined;
  // Whoever reads may stop, and others wait for the same.
  const base = () => {
    found ??= forkBase(mirror, commit, withDeadline(ended.signal, baseMs));
    return found;
  };
  const own = objectsOf(mirror.path, async () => (await base()).commit, mirror.credential);
  const others = objectsOf(forksPlace(mirror.path), async () => commit, null);
  return {
    object: (pointer, id) => ({
      read: async function* (reading) {
        if ((await orAborted(base(), reading)).has(id)) return yield* own.object(pointer).read(reading);
        try {
          yield* others.object(pointer).read(reading);
        } catch (error) {
          reading.throwIfAborted();
          throw mirror.credential === null ? error : withheld(error);
        }
      },
    }),
  };
}

const closed = () => new GalleyError("git_failed", "The tree was closed while its LFS objects were fetched.");

function withheld(error: unknown): unknown {
  if (!(error instanceof GalleyError)) return error;
  return new GalleyError(
    error.code,
    `the default branch does not name it where this code goes on from it, so that it is asked for without the repository's login: ${error.message}`,
    {
      hint: "LFS objects that a fork's code alone names are read without the repository's login: deploy with --no-fork what you have read.",
      cause: error,
    },
  );
}

/** A repository of this machine has its objects beside it. */
function besideOrigin({ remote }: Mirror, pointer: LfsPointer) {
  return storedObject(remote.path, pointer) ?? storedObject(`${remote.path}/.git`, pointer);
}

async function openSubmodule(
  { mirror: parent, fork }: Place,
  link: SubmoduleLink,
  guard: AddressGuard,
  opened: Opened,
  signal: AbortSignal,
): Promise<SubmoduleSource | undefined> {
  // A link that .gitmodules does not tell of is an empty directory in a clone, too.
  if (link.url === undefined) return undefined;
  try {
    const { url, credential } = placeOf(parent, link.url);
    // What the login has brought for the repository's own code is as little a fork's as the login.
    const mirror = fork ? parent.inner(url, null, true) : parent.inner(url, credential);
    if (!(await guard.allows(mirror.remote.host))) {
      throw new GalleyError("git_failed", `${url} is an address of the agent's own machine.`, {
        hint: "Addresses in .gitmodules have to be those of other hosts.",
      });
    }
    await mirror.fetch([link.commit], { signal });
    opened.submodules.push(mirror);
    const inside = { mirror, commit: link.commit, fork, apart: fork };
    return { repository: mirror.path, sources: mirrorSources(inside, true, opened) };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof GalleyError)) throw error;
    const withheld =
      fork && parent.credential !== null && /^git_(auth_failed|repository_not_found)$/.test(error.code);
    throw new GalleyError(error.code, `The submodule ${link.path} cannot be had: ${error.message}`, {
      hint: withheld
        ? "Submodules of a fork's code are read without the repository's login: deploy with --no-fork what you have read."
        : error.hint,
      cause: error,
    });
  }
}

/**
 * Where a submodule is, and what may be shown there: the parent's credential goes to its own origin and to no other. One that is
 * named by an ssh address on the parent's host is read over the parent's https, when that is what the credential is for.
 */
function placeOf(parent: Mirror, named: string): { url: string; credential: Credential | null } {
  const { remote, credential, git } = parent;
  const url = resolveSubmodule(remote.url, named);
  const target = parseRemote(url, (git.allowFile ?? false) && remote.kind === "file");
  if (sameOrigin(remote, target)) return { url: target.url, credential };
  if (credential?.kind === "token" && target.kind === "ssh" && target.host === remote.host) {
    return { url: new URL(encodePath(target), remote.url).href, credential };
  }
  return { url: target.url, credential: null };
}

const encodePath = ({ path }: Remote) =>
  `/${path.replace(/^\/+/, "").split("/").map(encodeURIComponent).join("/")}`;

/** `lfs.url` of `.lfsconfig` at the root of the commit. */
async function configuredServer({ path }: Mirror, commit: string): Promise<string | undefined> {
  const reader = new ObjectReader(path, path);
  try {
    const header = await reader.info(`${commit}:.lfsconfig`);
    if (header?.type !== "blob" || header.size > 64 * 1024) return undefined;
    const { code, stdout } = await runGit({
      args: [`--git-dir=${path}`, "config", "-z", "--no-includes", `--blob=${header.id}`, "--get", "lfs.url"],
      env: plainEnvironment({}),
      signal: abortAfter(60_000),
    });
    return code === 0 ? stdout.split("\0")[0] : undefined;
  } finally {
    await reader.close();
  }
}
