import { BuildKitError } from "../errors.js";
import { parseBool, splitFields, splitPair } from "./fields.js";

export const outputTypes = [
  "local",
  "tar",
  "oci",
  "docker",
  "image",
  "registry",
  "moby",
  "cacheonly",
] as const;
export type OutputType = (typeof outputTypes)[number];

/** One `--output` as it was asked for. Nothing has been resolved against an engine or the file system. */
export interface OutputSpec {
  readonly type: OutputType;
  /** Where the result goes: a path, or `-` for standard output. Absent: the engine's image store, or the registry. */
  readonly dest?: string;
  /** What the exporter gets, keys in lower case; without `type` and `dest`. */
  readonly attrs: Readonly<Record<string, string>>;
}

/** The shorthand flags of `docker buildx build`. */
export const loadOutput: OutputSpec = { type: "docker", attrs: {} };
export const pushOutput: OutputSpec = { type: "image", attrs: { push: "true" } };

/**
 * Reads one value of `--output`/`-o` the way buildx does: `type=local,dest=out`, a bare path (a directory), `-` (a tar on
 * standard output). A lone field that does not begin with `type=` is a path even if it holds `=`.
 *
 * Throws `option_invalid` with what is accepted: an unknown type, a missing `type` or `dest`, a switch that is not a boolean.
 */
export function parseOutput(value: string): OutputSpec {
  const fields = splitFields(value, "--output");
  if (fields.length === 1 && fields[0] === value && !value.startsWith("type=")) {
    return value === "-" ? { type: "tar", dest: "-", attrs: {} } : { type: "local", dest: value, attrs: {} };
  }
  let type: string | undefined;
  let dest: string | undefined;
  const attrs: Record<string, string> = Object.create(null);
  for (const field of fields) {
    const pair = splitPair(field);
    if (pair === undefined || pair.key === "") {
      throw invalid(
        `The field ${JSON.stringify(field)} of --output ${JSON.stringify(value)} is not key=value.`,
      );
    }
    if (pair.key === "type") type = pair.value;
    else if (pair.key === "dest") dest = pair.value;
    else attrs[pair.key] = pair.value;
  }
  if (type === undefined || type === "") {
    throw invalid(`--output ${JSON.stringify(value)} does not say its type.`);
  }
  if (!isOutputType(type)) throw invalid(`The output type ${JSON.stringify(type)} is not known.`);
  const spec: OutputSpec = {
    type,
    ...(dest === undefined || dest === "" ? {} : { dest }),
    attrs: { ...attrs },
  };
  check(spec);
  return spec;
}

/** Whether the result arrives as one file (or stream) rather than as a directory. */
export function isTarOutput(spec: OutputSpec): boolean {
  if (spec.type === "tar") return true;
  return (spec.type === "oci" || spec.type === "docker") && switchOf(spec, "tar", true);
}

/** Whether the image is to be pushed. */
export function isPushOutput(spec: OutputSpec): boolean {
  return (
    spec.type === "registry" ||
    ((spec.type === "image" || spec.type === "moby") && switchOf(spec, "push", false))
  );
}

function check(spec: OutputSpec): void {
  for (const key of ["tar", "push", "unpack", "push-by-digest"]) switchOf(spec, key, false);
  if (spec.attrs.mode === "delete") {
    throw invalid("--output mode=delete is not offered: an export only ever adds files to its destination.");
  }
  const directory =
    spec.type === "local" || (spec.attrs.tar !== undefined && !isTarOutput(spec) && isArchive(spec));
  if (directory && spec.dest === undefined) {
    throw invalid(`The output type ${spec.type} needs dest=DIRECTORY.`);
  }
  if (directory && spec.dest === "-") {
    throw invalid(`The output type ${spec.type} writes a directory, which cannot go to standard output.`);
  }
  if (!directory && !isArchive(spec) && spec.dest !== undefined) {
    throw invalid(
      `The output type ${spec.type} has no destination on this machine: dest=${spec.dest} cannot be meant.`,
    );
  }
  if (spec.type === "registry" && spec.attrs.push !== undefined && !switchOf(spec, "push", true)) {
    throw invalid("type=registry with push=false is a contradiction.");
  }
}

function isArchive(spec: OutputSpec): boolean {
  return spec.type === "tar" || spec.type === "oci" || spec.type === "docker";
}

function switchOf(spec: OutputSpec, key: string, fallback: boolean): boolean {
  const value = spec.attrs[key];
  if (value === undefined || value === "") return fallback;
  const parsed = parseBool(value);
  if (parsed === undefined)
    throw invalid(`${key}=${value} of --output type=${spec.type} is neither true nor false.`);
  return parsed;
}

function isOutputType(type: string): type is OutputType {
  return (outputTypes as readonly string[]).includes(type);
}

function invalid(message: string): BuildKitError {
  return new BuildKitError("option_invalid", message, {
    hint: `Accepted are a directory, - (a tar on standard output), or type=TYPE[,dest=PATH][,key=value...] with TYPE one of ${outputTypes.join(", ")}.`,
  });
}
