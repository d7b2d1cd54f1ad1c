import {
  BuildKitError,
  type ContextTree,
  constantTime,
  contentTime,
  createIndexedTree,
  goMode,
  type TreeEntry,
} from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { Attributes, type CheckoutReasonKind } from "./attributes.js";
import { gitDirectoryOf } from "./git-process.js";
import { ObjectReader } from "./object-reader.js";
import { type ListedObject, listTree } from "./tree-listing.js";

/** What the objects cannot give and a checkout could. */
export interface CheckoutReason {
  readonly kind: CheckoutReasonKind;
  /** The first path that is concerned. */
  readonly path: string;
  /** How many paths are. */
  readonly count: number;
  /** The attribute, as git writes it; empty for submodules. */
  readonly detail: string;
}

export interface GitTreeOptions {
  /** A bare repository, or a directory with a `.git`. */
  readonly repository: string;
  /** A commit id, branch, tag or other ref; `~` and `^` are understood. */
  readonly commit: string;
  /** Directory inside the repository that is the root of the context. Default: all of it. Links are not followed. */
  readonly subdirectory?: string;
  /** Called for every submodule: its directory is left out. */
  readonly onSubmodule?: (path: string) => void;
  /**
   * Nanoseconds since 1970 for a file, instead of a time made from its content. For tools that compare times between builds:
   * give the same time as long as a path has the same blob, and a later one when that changes.
   */
  readonly modTime?: (path: string, blobId: string) => bigint;
  /** Ends the preparation. The tree itself is ended by `close`. */
  readonly signal?: AbortSignal;
  /** Deadline of the preparation in milliseconds. Default 120,000. */
  readonly timeoutMs?: number;
}

export interface GitTree extends ContextTree {
  /** Id of the tree object that is the root: equal ids mean equal contexts. */
  readonly treeId: string;
  /** Full id of the commit. */
  readonly commit: string;
  /** Empty when the objects are exactly what a checkout would have. Else the caller may want to check out instead. */
  readonly needsCheckout: readonly CheckoutReason[];
}

interface BlobEntry extends TreeEntry {
  readonly id: string;
}

const longestTarget = 4095;
const largestAttributes = 1024 * 1024;

/**
 * A commit's tree as a build context, read from git's objects without a checkout. Files are 0644 or 0755 and owned by root;
 * their times are made from their blob's id (`contentTime`), so that another clone or another commit sends only what
 * differs. A tool that takes what is older than its last output for unchanged (make, ninja, cargo) must not keep its output in
 * a cache mount then: `modTime` can give it times that go forward. The repository is trusted with nothing: no configuration
 * of the caller is read, no hook or filter runs, nothing is fetched.
 *
 * Throws `GalleyError`: git_missing, git_repository_invalid, git_ref_not_found, git_failed; file_not_found for the
 * subdirectory. `read` throws `BuildKitError` context_invalid when an object turns out to be missing or damaged.
 */
export async function createGitTree(options: GitTreeOptions): Promise<GitTree> {
  const { repository } = options;
  const subdirectory = cleanSubdirectory(options.subdirectory ?? "");
  const ref = checkedRef(options.commit);
  const deadline = AbortSignal.timeout(options.timeoutMs ?? 120_000);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const gitDirectory = gitDirectoryOf(repository);
  signal.throwIfAborted();
  const reader = new ObjectReader(repository, gitDirectory);
  const abort = () => void reader.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const { commit, treeId } = await resolveTree(reader, repository, ref, subdirectory);
    const listing = listTree(repository, gitDirectory, treeId, signal);
    const { entries, links, attributeFiles, submodules } = await sortListing(listing, options.onSubmodule);
    for (const link of links) entries.push(await readLink(reader, link, signal));
    const attributes = await readAttributes(reader, commit, subdirectory, attributeFiles, signal);
    const needsCheckout = checkoutReasons(entries, attributes, subdirectory, submodules);
    const { modTime } = options;
    const tree = createIndexedTree(
      modTime === undefined ? entries : entries.map((entry) => timedBy(modTime, entry)),
      (entry, ended) => readBlob(reader, entry, ended),
      () => reader.close(),
    );
    return { ...tree, treeId, commit, needsCheckout };
  } catch (error) {
    await reader.close();
    options.signal?.throwIfAborted();
    if (deadline.aborted)
      throw new GalleyError("git_failed", `Reading ${repository} took too long.`, { cause: error });
    if (error instanceof BuildKitError) {
      throw new GalleyError(
        "git_repository_invalid",
        `The tree of ${ref} cannot be built from: ${error.message}`,
        {
          cause: error,
        },
      );
    }
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** What git's own rules for refs forbid cannot name a commit, and could name something else. */
function checkedRef(ref: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
  if (ref === "" || ref.startsWith("-") || /[\u0000-\u0020\u007f:?*[\\]|\.\.|@\{|\{/.test(ref)) {
    throw new GalleyError("git_ref_not_found", `${JSON.stringify(ref)} is no name of a commit.`, {
      hint: "Give a branch, a tag or a commit id.",
    });
  }
  return ref;
}

function cleanSubdirectory(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || /[\0\n]/.test(path)) {
    throw new GalleyError(
      "file_not_found",
      `The directory ${JSON.stringify(path)} is not inside the repository.`,
    );
  }
  return parts.join("/");
}

async function resolveTree(
  reader: ObjectReader,
  repository: string,
  ref: string,
  subdirectory: string,
): Promise<{ commit: string; treeId: string }> {
  const found = await reader.info(`${ref}^{commit}`);
  if (found?.type !== "commit") {
    throw new GalleyError("git_ref_not_found", `${repository} has no commit ${ref}.`, {
      hint: "Check the name; a branch or pull request that was just pushed has to be fetched first.",
    });
  }
  const tree = await reader.info(`${found.id}:${subdirectory}`);
  if (tree?.type === "tree") return { commit: found.id, treeId: tree.id };
  if (subdirectory === "") {
    throw new GalleyError(
      "git_repository_invalid",
      `The tree of commit ${found.id} is missing in ${repository}.`,
    );
  }
  const what = tree === undefined ? "does not exist" : "is no directory";
  throw new GalleyError("file_not_found", `${subdirectory} ${what} in commit ${found.id.slice(0, 12)}.`);
}

async function sortListing(
  listing: AsyncIterable<ListedObject>,
  onSubmodule: ((path: string) => void) | undefined,
): Promise<{
  entries: BlobEntry[];
  links: ListedObject[];
  attributeFiles: ListedObject[];
  submodules: string[];
}> {
  const entries: BlobEntry[] = [];
  const links: ListedObject[] = [];
  const attributeFiles: ListedObject[] = [];
  const submodules: string[] = [];
  for await (const object of listing) {
    switch (object.mode & 0o170000) {
      case 0o040000:
        entries.push({ ...describe(object, (goMode.directory | 0o755) >>> 0), modTime: constantTime });
        break;
      case 0o160000:
        submodules.push(object.path.toString());
        onSubmodule?.(object.path.toString());
        break;
      case 0o120000:
        links.push(object);
        break;
      default:
        entries.push(describe(object, (object.mode & 0o100) === 0 ? 0o644 : 0o755));
        if (/(^|\/)\.gitattributes$/.test(object.path.toString("latin1"))) attributeFiles.push(object);
    }
  }
  return { entries, links, attributeFiles, submodules };
}

function describe(object: ListedObject, mode: number): BlobEntry {
  const { path, id, size } = object;
  return { path, mode, uid: 0, gid: 0, size, modTime: contentTime(Buffer.from(id.slice(0, 16), "hex")), id };
}

function timedBy(modTime: (path: string, blobId: string) => bigint, entry: BlobEntry): BlobEntry {
  return entry.mode > 0o777 ? entry : { ...entry, modTime: modTime(entry.path.toString(), entry.id) };
}

async function readLink(reader: ObjectReader, link: ListedObject, signal: AbortSignal): Promise<BlobEntry> {
  const name = link.path.toString();
  const linkname = link.size > longestTarget ? undefined : await readWhole(reader, link.id, signal);
  if (linkname === undefined || linkname.length === 0 || linkname.includes(0)) {
    throw new GalleyError("git_repository_invalid", `The target of the link ${name} cannot be read.`);
  }
  return { ...describe(link, (goMode.symlink | 0o777) >>> 0), size: 0, linkname };
}

async function readWhole(
  reader: ObjectReader,
  name: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of reader.contents(name, signal)) {
    if (chunk === undefined) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The rules of the whole repository that concern the context, those of the directories above it included. */
async function readAttributes(
  reader: ObjectReader,
  commit: string,
  subdirectory: string,
  files: readonly ListedObject[],
  signal: AbortSignal,
): Promise<Attributes> {
  const attributes = new Attributes();
  const above = subdirectory === "" ? [] : subdirectory.split("/");
  for (const [depth] of above.entries()) {
    const directory = above
      .slice(0, depth)
      .map((part) => `${part}/`)
      .join("");
    const header = await reader.info(`${commit}:${directory}.gitattributes`);
    if (header?.type !== "blob" || header.size > largestAttributes) continue;
    attributes.add(directory, (await readWhole(reader, header.id, signal))?.toString() ?? "");
  }
  const prefix = subdirectory === "" ? "" : `${subdirectory}/`;
  for (const file of files) {
    if (file.size > largestAttributes) continue;
    const directory = file.path.toString().slice(0, -".gitattributes".length);
    attributes.add(prefix + directory, (await readWhole(reader, file.id, signal))?.toString() ?? "");
  }
  return attributes;
}

function checkoutReasons(
  entries: readonly BlobEntry[],
  attributes: Attributes,
  subdirectory: string,
  submodules: readonly string[],
): CheckoutReason[] {
  const reasons = new Map<
    string,
    { kind: CheckoutReasonKind; path: string; count: number; detail: string }
  >();
  const add = (kind: CheckoutReasonKind, path: string, detail: string) => {
    const known = reasons.get(kind);
    if (known === undefined) reasons.set(kind, { kind, path, count: 1, detail });
    else known.count++;
  };
  for (const path of submodules) add("submodule", path, "");
  if (attributes.concern) {
    const prefix = subdirectory === "" ? "" : `${subdirectory}/`;
    for (const { path, mode } of entries) {
      if (mode > 0o777) continue;
      const name = path.toString();
      const reason = attributes.reason(prefix + name);
      if (reason !== undefined) add(reason.kind, name, reason.detail);
    }
  }
  return [...reasons.values()];
}

async function* readBlob(
  reader: ObjectReader,
  entry: BlobEntry,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of reader.contents(entry.id, signal)) {
      if (chunk === undefined) throw damaged(entry);
      yield chunk;
    }
  } catch (error) {
    throw error instanceof GalleyError ? damaged(entry, error) : error;
  }
}

function damaged(entry: BlobEntry, cause?: GalleyError): BuildKitError {
  const why = cause === undefined ? "its object is missing" : cause.message;
  return new BuildKitError("context_invalid", `${entry.path.toString()} cannot be read from git: ${why}`, {
    hint: cause?.hint ?? "Fetch the repository again in full.",
    cause,
  });
}
