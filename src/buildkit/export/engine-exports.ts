import { statSync } from "node:fs";
import { resolve } from "node:path";
import { BuildKitError } from "../errors.js";
import type { ExportEntry } from "../solve/types.js";
import { openFileOutput } from "./file-output.js";
import { isPushOutput, isTarOutput, type OutputSpec } from "./output-spec.js";

/** What an engine can do with the result of a solve. */
export interface EngineExportSupport {
  /** `containerd` is the containerd image store; it alone exports `oci` and `docker` archives and pushes by itself. */
  readonly store: "plain" | "containerd";
  /** Several exports in one solve: BuildKit 0.13, Docker Engine 26. */
  readonly multipleExports: boolean;
}

export interface ResolveOutputsOptions {
  readonly engine: EngineExportSupport;
  /** Names from `--tag`. They take the place of an output's own `name=`. */
  readonly tags?: readonly string[];
  /** Relative destinations are taken from here. Default: the process's working directory. */
  readonly cwd?: string;
  /** Where `dest=-` goes. A terminal is refused; absent, standard output is refused as well. */
  readonly stdout?: { readonly terminal: boolean; readonly open: () => Promise<NodeJS.WritableStream> };
}

export interface ResolvedOutputs {
  readonly exports: readonly ExportEntry[];
  /** What is left for the Docker API once the solve is done: names to push where the engine's exporter cannot. */
  readonly afterBuild: { readonly push?: readonly string[] };
  /** Standard output carries the result, so that nothing else may be printed there. */
  readonly usesStdout: boolean;
}

/**
 * Turns outputs into the exports of one solve on a Docker Engine. No outputs mean the engine's image store. All that ends
 * in that store is one `moby` export: it normalises names and unpacks, which `image` does not, and on the plain store it
 * accepts `push` and ignores it, so that pushing there is handed back in `afterBuild`.
 *
 * Throws `engine_unsupported` for what this engine cannot do, with what would, and `option_invalid` for destinations that
 * cannot be written and for a push without a name. Nothing is created.
 */
export function resolveOutputs(
  specs: readonly OutputSpec[],
  options: ResolveOutputsOptions,
): ResolvedOutputs {
  const { engine, tags = [] } = options;
  const wanted: readonly OutputSpec[] = specs.length > 0 ? specs : [{ type: "image", attrs: {} }];
  const exports: ExportEntry[] = [];
  const images: Image[] = [];
  let imageAt = -1;
  let stdoutUses = 0;
  for (const spec of wanted) {
    if (spec.type === "cacheonly") continue;
    if (isImage(spec)) {
      if (imageAt === -1) imageAt = exports.length;
      images.push(imageOf(spec, tags));
      continue;
    }
    requireSupport(spec, engine);
    if (spec.dest === undefined || spec.dest === "-") {
      if (isTarOutput(spec)) stdoutUses += 1;
    }
    exports.push(fileExport(spec, tags, options));
  }
  if (stdoutUses > 1) throw invalid("Several outputs are written to standard output, which can hold one.");

  const image = mergeImages(images);
  if (image !== undefined) {
    const attrs: Record<string, string> = { ...image.attrs };
    if (image.names.length > 0) attrs.name = image.names.join(",");
    if (image.push && engine.store === "containerd") attrs.push = "true";
    exports.splice(imageAt, 0, { type: "moby", attrs });
  }
  if (exports.length > 1 && !engine.multipleExports) {
    throw new BuildKitError("engine_unsupported", "This engine can make one output per build, not several.", {
      hint: "Use one --output, or Docker Engine 26 or newer.",
    });
  }
  const pushAfter = image?.push === true && engine.store === "plain";
  return {
    exports,
    afterBuild: pushAfter ? { push: image.names } : {},
    usesStdout: stdoutUses > 0,
  };
}

interface Image {
  readonly names: readonly string[];
  readonly push: boolean;
  readonly attrs: Readonly<Record<string, string>>;
}

/** `type=docker` without a destination means the engine's own store, as `docker load` would. */
function isImage(spec: OutputSpec): boolean {
  if (spec.type === "docker") return spec.dest === undefined;
  return spec.type === "image" || spec.type === "registry" || spec.type === "moby";
}

function imageOf(spec: OutputSpec, tags: readonly string[]): Image {
  const { push: _push, tar: _tar, name, ...attrs } = spec.attrs;
  const names = tags.length > 0 ? tags : splitNames(name);
  const push = isPushOutput(spec);
  if (push && names.length === 0) {
    throw invalid(
      "A push needs to know the name of the image.",
      "Add --tag REGISTRY/NAME:TAG or name= to the output.",
    );
  }
  if (attrs["push-by-digest"] !== undefined && attrs["push-by-digest"] !== "false") {
    throw new BuildKitError("engine_unsupported", "A Docker Engine cannot push by digest.", {
      hint: "Push with a tag; the digest is in the metadata file.",
    });
  }
  return { names, push, attrs };
}

function mergeImages(images: readonly Image[]): Image | undefined {
  if (images.length === 0) return undefined;
  const attrs: Record<string, string> = {};
  for (const image of images) {
    for (const [key, value] of Object.entries(image.attrs)) {
      if (attrs[key] !== undefined && attrs[key] !== value) {
        throw invalid(`Two image outputs contradict each other: ${key}=${attrs[key]} and ${key}=${value}.`);
      }
      attrs[key] = value;
    }
  }
  return {
    names: [...new Set(images.flatMap((image) => image.names))],
    push: images.some((image) => image.push),
    attrs,
  };
}

function splitNames(name: string | undefined): readonly string[] {
  return (name ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function requireSupport(spec: OutputSpec, engine: EngineExportSupport): void {
  if ((spec.type === "oci" || spec.type === "docker") && engine.store === "plain") {
    throw new BuildKitError(
      "engine_unsupported",
      `This engine cannot export type=${spec.type} to a file: that takes the containerd image store.`,
      {
        hint: 'Switch the engine to the containerd image store ("features": {"containerd-snapshotter": true} in daemon.json), or load the image and use docker save.',
      },
    );
  }
}

function fileExport(spec: OutputSpec, tags: readonly string[], options: ResolveOutputsOptions): ExportEntry {
  const attrs: Record<string, string> = { ...spec.attrs };
  if ((spec.type === "oci" || spec.type === "docker") && tags.length > 0) attrs.name = tags.join(",");
  const tar = isTarOutput(spec);
  if (tar && (spec.dest === undefined || spec.dest === "-")) {
    const { stdout } = options;
    if (stdout === undefined || stdout.terminal) {
      throw invalid(
        `The output type ${spec.type} needs dest=FILE: a tar is not written to a terminal.`,
        "Add dest=FILE, or send standard output into a file or a pipe.",
      );
    }
    return { type: spec.type, attrs, output: { kind: "stream", open: stdout.open } };
  }
  const path = resolve(options.cwd ?? process.cwd(), spec.dest ?? "");
  const found = look(path);
  if (tar) {
    if (found?.isDirectory())
      throw invalid(`The destination ${path} is a directory, but type=${spec.type} writes a file.`);
    return { type: spec.type, attrs, output: { kind: "stream", open: () => openFileOutput(path) } };
  }
  if (found !== undefined && !found.isDirectory()) {
    throw invalid(`The destination ${path} is a file, but type=${spec.type} writes a directory.`);
  }
  return { type: spec.type, attrs, output: { kind: "directory", path } };
}

function look(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw new BuildKitError(
      "option_invalid",
      `The destination ${path} cannot be used: ${(cause as Error).message}`,
      {
        hint: "Every part of the path but the last must be a directory that you may enter.",
        cause,
      },
    );
  }
}

function invalid(message: string, hint?: string): BuildKitError {
  return new BuildKitError("option_invalid", message, { hint });
}
