import { createHash } from "node:crypto";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import {
  BuildKitError,
  type ContentDirectory,
  type ContextTree,
  createDirectoryTree,
  createFilesTree,
  createUpload,
  parseLayoutReference,
  prepareLayout,
  type SessionService,
} from "../buildkit/index.js";
import { openGitContext } from "./git-context.js";
import type { BuildContext, BuildRequest, NamedContext } from "./request.js";

/** The files of a build, opened: what is served, and the frontend attributes that tell BuildKit about it. */
export interface OpenedContext {
  readonly trees: Readonly<Record<string, ContextTree>>;
  readonly attrs: Readonly<Record<string, string>>;
  readonly services: readonly SessionService[];
  /** Image layouts to be served by the content store, by store id. */
  readonly stores: Readonly<Record<string, ContentDirectory>>;
  readonly sharedKey: string;
  close(): Promise<void>;
}

export interface OpenContextOptions {
  readonly cwd: string;
  readonly signal: AbortSignal;
  /** Hears what a person should know about the context: skipped sockets, submodules that are not checked out. */
  readonly onWarning: (message: string) => void;
}

/** Opens everything that the daemon will ask for. What was opened is closed again when one of them cannot be. */
export async function openContext(
  request: BuildRequest,
  options: OpenContextOptions,
): Promise<OpenedContext> {
  const trees: Record<string, ContextTree> = {};
  const attrs: Record<string, string> = {};
  const services: SessionService[] = [];
  const stores: Record<string, ContentDirectory> = {};
  const opened: ContextTree[] = [];
  const close = async () => {
    await Promise.allSettled(opened.map((tree) => tree.close()));
  };
  const open = async (context: BuildContext | NamedContext): Promise<ContextTree | undefined> => {
    const tree = await openTree(context, options);
    // Whoever has made one may still need it when the build is over.
    if (tree && context.kind !== "tree") opened.push(tree);
    return tree;
  };
  try {
    const { context } = request;
    const tree = await open(context);
    if (tree) trees.context = tree;
    if (context.kind === "remote") attrs.context = context.url;
    if (context.kind === "tar") {
      const upload = createUpload();
      attrs.context = upload.add(context.stream);
      services.push(upload.service);
    }
    await openDockerfile();
    for (const [name, source] of Object.entries(request.namedContexts)) await openNamed(name, source);
    if (Object.keys(request.namedContexts).length > 0) {
      attrs["frontend.caps"] = "moby.buildkit.frontend.contexts+forward";
    }
    return { trees, attrs, services, stores, sharedKey: sharedKeyOf(request, options.cwd), close };
  } catch (error) {
    await close();
    throw error;
  }

  async function openDockerfile(): Promise<void> {
    const { dockerfile } = request;
    if (dockerfile.kind === "text") {
      trees.dockerfile = createFilesTree(new Map([["Dockerfile", dockerfile.text]]));
      opened.push(trees.dockerfile);
      attrs.filename = "Dockerfile";
      attrs.dockerfilekey = "dockerfile";
    } else if (dockerfile.kind === "file") {
      const path = resolve(options.cwd, dockerfile.path);
      trees.dockerfile = createDirectoryTree(dirname(path));
      opened.push(trees.dockerfile);
      attrs.filename = withLowerCase(dirname(path), basename(path));
      attrs.dockerfilekey = "dockerfile";
    } else {
      if (trees.context) trees.dockerfile = trees.context;
      const root =
        request.context.kind === "directory" ? resolve(options.cwd, request.context.path) : undefined;
      attrs.filename = root ? withLowerCase(root, dockerfile.path) : dockerfile.path;
    }
  }

  async function openNamed(name: string, source: NamedContext): Promise<void> {
    if (source.kind === "reference") {
      attrs[`context:${name}`] = source.value;
      return;
    }
    if (source.kind === "oci-layout") {
      const reference = parseLayoutReference(source.reference);
      if (!reference)
        throw new BuildKitError("option_invalid", `${source.reference} is not an image layout.`);
      const layout = await prepareLayout(reference, { cwd: options.cwd });
      Object.assign(stores, layout.stores);
      attrs[`context:${name}`] = layout.context;
      return;
    }
    const tree = await open(source);
    if (!tree) return;
    // These two names are taken by the build's own trees.
    const dirName = name === "context" || name === "dockerfile" ? `_${name}` : name;
    trees[dirName] = tree;
    attrs[`context:${name}`] = `local:${dirName}`;
  }
}

async function openTree(
  context: BuildContext | NamedContext,
  { cwd, signal, onWarning }: OpenContextOptions,
): Promise<ContextTree | undefined> {
  switch (context.kind) {
    case "directory":
      return createDirectoryTree(resolve(cwd, context.path), {
        onSkipped: (path, kind) => onWarning(`${path} is a ${kind} and is not part of the context`),
      });
    case "git":
      return await openGitContext(context, { cwd, signal, onWarning });
    case "tree":
      return context.tree;
    case "empty":
      return createFilesTree(new Map());
    default:
      return undefined;
  }
}

/** `dockerfile` serves where `Dockerfile` is asked for and missing, as `docker build` has it. */
function withLowerCase(directory: string, name: string): string {
  if (basename(name) !== "Dockerfile" || existsSync(join(directory, name))) return name;
  const lower = join(dirname(name), "dockerfile");
  return existsSync(join(directory, lower)) ? lower : name;
}

/**
 * Names what the daemon keeps of the context. Builds of one repository find each other's files again wherever the clone
 * lies; without a repository key the place on disk is the name. Dockerfile and target are part of it: they decide which files
 * are wanted, and two builds that want different ones would throw away each other's.
 */
function sharedKeyOf(request: BuildRequest, cwd: string): string {
  const { context, dockerfile } = request;
  const place =
    context.kind === "directory"
      ? (request.repoKey ?? realPath(resolve(cwd, context.path)))
      : context.kind === "git"
        ? `${request.repoKey ?? realPath(resolve(cwd, context.repository))}#${context.subdirectory ?? ""}`
        : (request.repoKey ?? context.kind);
  const file = dockerfile.kind === "text" ? "" : dockerfile.path;
  const hash = createHash("sha256")
    .update(JSON.stringify([place, file, request.target ?? ""]))
    .digest("hex")
    .slice(0, 24);
  return `galley-${hash}`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
