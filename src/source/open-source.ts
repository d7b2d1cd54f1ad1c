import { BuildKitError, type TreeEntry } from "../buildkit/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import { type AddressGuard, createAddressGuard } from "./address-guard.js";
import type { Credential } from "./git-options.js";
import { runGit } from "./git-run.js";
import { createGitTree, type GitTree } from "./git-tree.js";
import { createLfsObjects, type LfsObjects } from "./lfs-objects.js";
import type { LfsPointer } from "./lfs-pointer.js";
import type { Mirror } from "./mirror.js";
import { ObjectReader } from "./object-reader.js";
import { plainEnvironment } from "./remote-access.js";
import { parseRemote, type Remote, resolveSubmodule, sameOrigin } from "./remote-url.js";
import type { SubmoduleLink } from "./submodules.js";
import { type SubmoduleSource, storedObject, type TreeSources } from "./tree-sources.js";

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
   * names is shown it. Default false.
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
  readonly objects: LfsObjects[];
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

/** A commit of a mirror, and whether anybody may have written it. */
interface Place {
  readonly mirror: Mirror;
  readonly commit: string;
  readonly fork: boolean;
}

function mirrorSources(place: Place, submodules: boolean, opened: Opened): TreeSources {
  const { mirror, commit, fork } = place;
  let guard: Promise<AddressGuard> | undefined;
  const guarded = () => {
    guard ??= createAddressGuard(mirror.remote.host);
    return guard;
  };
  let objects: LfsObjects | undefined;
  return {
    submodule: async (link, signal) =>
      submodules ? await openSubmodule(place, link, await guarded(), opened, signal) : undefined,
    lfs: (pointer) => {
      if (mirror.remote.kind === "file") return besideOrigin(mirror, pointer);
      if (objects === undefined) {
        objects = createLfsObjects(mirror.path, async () => {
          const configured = await configuredServer(mirror, commit);
          const credential = fork && configured !== undefined ? null : mirror.credential;
          return { remote: mirror.remote, credential, git: mirror.git, configured, guard: await guarded() };
        });
        opened.objects.push(objects);
      }
      return objects.object(pointer);
    },
  };
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
    const inside = { mirror, commit: link.commit, fork };
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
