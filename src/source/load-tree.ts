import { goMode } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { Attributes } from "./attributes.js";
import { knowsEncoding, largestConverted, toWorkTree } from "./conversion.js";
import { gitDirectoryOf } from "./git-process.js";
import { longestPointer, parsePointer } from "./lfs-pointer.js";
import { ObjectReader } from "./object-reader.js";
import { readSubmodules, type SubmoduleLink } from "./submodules.js";
import { changed, describe, describeDirectory, readWhole, type TreeFile } from "./tree-file.js";
import { type ListedObject, listTree } from "./tree-listing.js";
import type { TreeSources } from "./tree-sources.js";

/** What of a commit a tree does not serve as a checkout would have it. */
export type CheckoutReasonKind = "lfs" | "filter" | "line-ends" | "encoding" | "ident" | "submodule";

export interface CheckoutReason {
  readonly kind: CheckoutReasonKind;
  /** The first path that is concerned. */
  readonly path: string;
  /** How many paths are. */
  readonly count: number;
  /** The attribute, as git writes it; empty for submodules. */
  readonly detail: string;
}

/** What the repositories of a tree are put together in. */
export class LoadedTree {
  readonly files: TreeFile[] = [];
  readonly readers: ObjectReader[] = [];
  /** What the tree object alone does not tell of the content, line by line. */
  readonly special: string[] = [];
  submodules = 0;
  private readonly found = new Map<string, CheckoutReason>();

  /** By path. */
  get reasons(): readonly CheckoutReason[] {
    return [...this.found.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
  }

  /** Notes that a path is not what a checkout would have. Files are looked at side by side, so in any order. */
  lack(kind: CheckoutReasonKind, path: string, detail: string): void {
    this.special.push(`- ${kind} ${path}`);
    const known = this.found.get(kind);
    const first = known === undefined || path < known.path ? { path, detail } : known;
    this.found.set(kind, { kind, path: first.path, count: (known?.count ?? 0) + 1, detail: first.detail });
  }

  async close(): Promise<void> {
    await Promise.all(this.readers.map((reader) => reader.close()));
  }
}

/** One repository's share of a tree. */
export interface Part {
  readonly repository: string;
  readonly commit: string;
  /** Of the directory that is served. */
  readonly treeId: string;
  readonly subdirectory: string;
  readonly reader: ObjectReader;
  readonly sources: TreeSources;
  /** Where it lies in the tree, with a slash behind it. */
  readonly prefix: Buffer;
  readonly depth: number;
}

export interface LoadContext {
  readonly tree: LoadedTree;
  readonly signal: AbortSignal;
  readonly onSubmodule: ((path: string) => void) | undefined;
}

const longestTarget = 4095;
const largestAttributes = 1024 * 1024;
const deepest = 8;
const mostSubmodules = 200;
const together = 4;

/** Adds a repository's files to the tree, and those of its submodules. Throws what `createGitTree` says. */
export async function loadPart(part: Part, context: LoadContext): Promise<void> {
  const { repository, treeId, prefix, reader } = part;
  const { tree, signal } = context;
  const gitDirectory = gitDirectoryOf(repository);
  const files: { file: TreeFile; name: string }[] = [];
  const attributeFiles: ListedObject[] = [];
  const links: ListedObject[] = [];
  const submodules: ListedObject[] = [];
  for await (const object of listTree(repository, gitDirectory, treeId, signal)) {
    switch (object.mode & 0o170000) {
      case 0o040000:
        tree.files.push(describeDirectory(object, prefix, reader));
        break;
      case 0o160000:
        submodules.push(object);
        break;
      case 0o120000:
        links.push(object);
        break;
      default: {
        const file = describe(object, (object.mode & 0o100) === 0 ? 0o644 : 0o755, prefix, reader);
        const name = object.path.toString();
        files.push({ file, name });
        if (/(^|\/)\.gitattributes$/.test(name)) attributeFiles.push(object);
      }
    }
  }
  for (const link of links) tree.files.push(await readLink(link, part, signal));
  const attributes = await readAttributes(part, attributeFiles, signal);
  if (attributes.concern) await convert(files, attributes, part, context);
  else for (const { file } of files) tree.files.push(file);
  if (submodules.length > 0) await loadSubmodules(submodules, part, context);
}

async function readLink(link: ListedObject, part: Part, signal: AbortSignal): Promise<TreeFile> {
  const linkname = link.size > longestTarget ? undefined : await readWhole(part.reader, link.id, signal);
  if (linkname === undefined || linkname.length === 0 || linkname.includes(0)) {
    throw new GalleyError(
      "git_repository_invalid",
      `The target of the link ${link.path.toString()} cannot be read.`,
    );
  }
  return { ...describe(link, (goMode.symlink | 0o777) >>> 0, part.prefix, part.reader), size: 0, linkname };
}

/** The rules of the whole repository that concern the part, those of the directories above it included. */
async function readAttributes(
  { reader, commit, subdirectory }: Part,
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
  const base = subdirectory === "" ? "" : `${subdirectory}/`;
  for (const file of files) {
    if (file.size > largestAttributes) continue;
    const directory = file.path.toString().slice(0, -".gitattributes".length);
    attributes.add(base + directory, (await readWhole(reader, file.id, signal))?.toString() ?? "");
  }
  return attributes;
}

/** Adds the files as a checkout would have them; those that cannot be had so, as they are stored. */
async function convert(
  files: readonly { file: TreeFile; name: string }[],
  attributes: Attributes,
  part: Part,
  { tree, signal }: LoadContext,
): Promise<void> {
  const base = part.subdirectory === "" ? "" : `${part.subdirectory}/`;
  for (let at = 0; at < files.length; at += 256) {
    // Side by side, so that one git answers many questions in one go.
    const group = files.slice(at, at + 256).map(async ({ file, name }) => {
      const conversion = attributes.conversion(base + name);
      if (conversion === undefined) return file;
      const shown = file.path.toString();
      const { filter, encoding, crlf, ident } = conversion;
      if (filter === "lfs") return await throughLfs(file, shown, part.sources, { tree, signal });
      if (filter !== undefined) tree.lack("filter", shown, `filter=${filter}`);
      const kind = encoding !== undefined ? "encoding" : crlf !== undefined ? "line-ends" : "ident";
      const detail = {
        encoding: `working-tree-encoding=${encoding}`,
        "line-ends": "eol=crlf",
        ident: "ident",
      }[kind];
      if (encoding === undefined && crlf === undefined && !ident) return file;
      if (file.size > largestConverted || (encoding !== undefined && !knowsEncoding(encoding))) {
        tree.lack(kind, shown, detail);
        return file;
      }
      const blob = await readWhole(file.reader, file.id, signal);
      const content = blob && toWorkTree(blob, file.id, conversion);
      if (content === undefined || content === blob || content.equals(blob ?? content)) return file;
      tree.special.push(`+ ${JSON.stringify(conversion)} ${shown}`);
      return changed(file, JSON.stringify(conversion), content.length, { conversion });
    });
    tree.files.push(...(await Promise.all(group)));
  }
}

async function throughLfs(
  file: TreeFile,
  shown: string,
  sources: TreeSources,
  { tree, signal }: Pick<LoadContext, "tree" | "signal">,
): Promise<TreeFile> {
  if (file.size === 0 || file.size > longestPointer) return file;
  const blob = await readWhole(file.reader, file.id, signal);
  const pointer = blob && parsePointer(blob);
  // What is no pointer was committed as it is.
  if (pointer === undefined) return file;
  const lfs = sources.lfs(pointer, file.id);
  if (lfs === undefined) {
    tree.lack("lfs", shown, "filter=lfs");
    return file;
  }
  tree.special.push(`+ lfs ${shown}`);
  return changed(file, "lfs", pointer.size, { lfs });
}

async function loadSubmodules(
  found: readonly ListedObject[],
  part: Part,
  context: LoadContext,
): Promise<void> {
  const { tree, signal, onSubmodule } = context;
  const known = await readSubmodules(part.reader, gitDirectoryOf(part.repository), part.commit, signal);
  const base = part.subdirectory === "" ? "" : `${part.subdirectory}/`;
  tree.submodules += found.length;
  if (tree.submodules > mostSubmodules || part.depth >= deepest) {
    throw new GalleyError(
      "git_failed",
      `The commit has more than ${mostSubmodules} submodules, or they are nested more than ${deepest} deep.`,
    );
  }
  const load = async (object: ListedObject) => {
    const path = base + object.path.toString();
    const link: SubmoduleLink = {
      path,
      commit: object.id,
      name: undefined,
      url: undefined,
      ...known.get(path),
    };
    const source = await part.sources.submodule(link, signal);
    const inside = Buffer.concat([part.prefix, object.path]);
    if (source === undefined) {
      tree.lack("submodule", inside.toString(), "");
      onSubmodule?.(inside.toString());
      return;
    }
    tree.special.push(`+ submodule ${inside.toString()}`);
    tree.files.push(describeDirectory(object, part.prefix, part.reader));
    await loadPart(await openPart(source, link, inside, part, context), context);
  };
  for (let at = 0; at < found.length; at += together) {
    const results = await Promise.allSettled(found.slice(at, at + together).map(load));
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
  }
}

async function openPart(
  { repository, sources }: { readonly repository: string; readonly sources: TreeSources },
  { commit, path }: SubmoduleLink,
  inside: Buffer,
  parent: Part,
  { tree }: LoadContext,
): Promise<Part> {
  const reader = new ObjectReader(repository, gitDirectoryOf(repository));
  tree.readers.push(reader);
  const found = await reader.info(`${commit}^{tree}`);
  if (found?.type !== "tree") {
    throw new GalleyError(
      "git_repository_invalid",
      `The commit ${commit} of the submodule ${path} is missing.`,
    );
  }
  return {
    ...{ repository, commit, treeId: found.id, subdirectory: "", reader, sources },
    prefix: Buffer.concat([inside, Buffer.from("/")]),
    depth: parent.depth + 1,
  };
}
