import { statSync } from "node:fs";
import type { Readable } from "node:stream";
import {
  type BuildContext,
  type BuildRequest,
  type DockerfileSource,
  emptyRequest,
  type NamedContext,
} from "../../build/index.js";
import {
  type CacheEntry,
  loadOutput,
  openStdinContext,
  parseCacheOption,
  parseContextArgument,
  parseOutput,
  pushOutput,
} from "../../buildkit/index.js";
import { canonicalName } from "../../docker/index.js";
import { usageError } from "../usage-error.js";
import { withActionsRuntime } from "./actions-cache.js";
import { parseAttestations } from "./attestations.js";
import type { BuildFlags } from "./build-flags.js";
import { parseSecrets, parseSsh } from "./secrets.js";
import {
  parseBuildArgs,
  parseBytes,
  parseHosts,
  parseLabels,
  parseNetwork,
  parsePlatforms,
  parseUlimits,
} from "./values.js";

export interface Surroundings {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: Readable;
}

/** Turns an argument and flags into a request. Everything that is wrong with them is said before an engine is asked. */
export async function buildRequest(
  argument: string,
  flags: BuildFlags,
  around: Surroundings,
): Promise<BuildRequest> {
  const { context, dockerfile } = await contextOf(argument, flags.file, around);
  const shmSize = flags.shmSize === undefined ? undefined : parseBytes(flags.shmSize, "--shm-size");
  const call = callOf(flags);
  const outputs = flags.output.map(parseOutput);
  if (flags.load) outputs.push(loadOutput);
  if (flags.push) outputs.push(pushOutput);
  return {
    ...emptyRequest(context),
    dockerfile,
    tags: flags.tag.map(canonicalName),
    ...(flags.target ? { target: flags.target } : {}),
    buildArgs: parseBuildArgs(flags.buildArg, around.env),
    labels: parseLabels(flags.label),
    namedContexts: namedContexts(flags.buildContext),
    secrets: parseSecrets(flags.secret, around.env),
    ssh: parseSsh(flags.ssh, around.env, isSocket),
    platforms: parsePlatforms(flags.platform),
    noCache: !flags.cache || flags.cacheFilter,
    pull: flags.pull ?? false,
    addHosts: parseHosts(flags.addHost),
    network: parseNetwork(flags.network),
    ...(shmSize ? { shmSize } : {}),
    ulimits: parseUlimits(flags.ulimit),
    ...(flags.cgroupParent ? { cgroupParent: flags.cgroupParent } : {}),
    outputs,
    cacheFrom: caches(flags.cacheFrom, "from", around.env),
    cacheTo: caches(flags.cacheTo, "to", around.env),
    attestations: parseAttestations(flags),
    ...(call ? { call } : {}),
    allow: flags.allow,
    ...(flags.repo ? { repoKey: repoKey(flags.repo) } : {}),
  };
}

async function contextOf(
  argument: string,
  file: string | undefined,
  { stdin }: Surroundings,
): Promise<{ context: BuildContext; dockerfile: DockerfileSource }> {
  const parsed = parseContextArgument(argument);
  if (parsed.kind === "stdin") {
    if (file === "-") throw usageError("stdin cannot be both the context and the Dockerfile");
    const input = await openStdinContext(stdin);
    if (input.kind === "dockerfile") {
      if (file) {
        throw usageError("stdin holds a Dockerfile, and --file names another", "Give one of them.");
      }
      return { context: { kind: "empty" }, dockerfile: { kind: "text", text: input.text } };
    }
    return { context: { kind: "tar", stream: input.stream }, dockerfile: inContext(file) };
  }
  const context: BuildContext =
    parsed.kind === "directory"
      ? { kind: "directory", path: parsed.path }
      : parsed.kind === "local-git"
        ? {
            kind: "git",
            repository: parsed.repository,
            ref: parsed.ref,
            ...(parsed.subdirectory ? { subdirectory: parsed.subdirectory } : {}),
          }
        : { kind: "remote", url: parsed.url };
  if (file === "-") return { context, dockerfile: { kind: "text", text: await readAll(stdin) } };
  if (file === undefined) return { context, dockerfile: inContext(undefined) };
  // As buildx has it: beside a directory the path counts from here, inside a repository from its root.
  const outside = context.kind === "directory" || file.startsWith("/");
  return { context, dockerfile: outside ? { kind: "file", path: file } : inContext(file) };
}

function inContext(file: string | undefined): DockerfileSource {
  return { kind: "in-context", path: file ?? "Dockerfile" };
}

/** A Dockerfile is a page of text; more than this is a mistake (BuildKit itself refuses beyond 2 MiB). */
const MAX_DOCKERFILE_BYTES = 2 * 1024 * 1024;

async function readAll(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_DOCKERFILE_BYTES) throw usageError("the Dockerfile on stdin is larger than 2 MiB");
    chunks.push(Buffer.from(chunk));
  }
  return Buffer.concat(chunks).toString("utf8");
}

function namedContexts(values: readonly string[]): Record<string, NamedContext> {
  const contexts: Record<string, NamedContext> = {};
  for (const value of values) {
    const equals = value.indexOf("=");
    const name = value.slice(0, Math.max(equals, 0)).toLowerCase();
    const source = value.slice(equals + 1);
    if (!name || !source) {
      throw usageError(
        `--build-context ${value}: not of the form NAME=SOURCE`,
        "For example --build-context shared=../shared.",
      );
    }
    contexts[name] = namedContext(source);
  }
  return contexts;
}

function namedContext(source: string): NamedContext {
  if (source.startsWith("docker-image://") || source.startsWith("target:"))
    return { kind: "reference", value: source };
  if (source.startsWith("oci-layout://")) return { kind: "oci-layout", reference: source };
  const parsed = parseContextArgument(source);
  if (parsed.kind === "directory") return { kind: "directory", path: parsed.path };
  if (parsed.kind === "local-git") {
    return {
      kind: "git",
      repository: parsed.repository,
      ref: parsed.ref,
      ...(parsed.subdirectory ? { subdirectory: parsed.subdirectory } : {}),
    };
  }
  if (parsed.kind === "stdin") throw usageError("--build-context cannot read stdin");
  return { kind: "reference", value: parsed.url };
}

function caches(values: readonly string[], direction: "from" | "to", env: NodeJS.ProcessEnv): CacheEntry[] {
  const entries = values.flatMap((value) => parseCacheOption(value, direction));
  return entries.flatMap((entry) => withActionsRuntime(entry, env) ?? []);
}

function callOf(flags: BuildFlags): "check" | "outline" | "targets" | undefined {
  const method = flags.check ? "check" : (flags.call ?? "build");
  if (method === "build") return undefined;
  if (method === "lint") return "check";
  if (method === "check" || method === "outline" || method === "targets") return method;
  throw usageError(`--call ${method}: not known`, "The methods are build, check, outline and targets.");
}

function repoKey(value: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,127}$/.test(value)) return value;
  throw usageError(
    `--repo ${value}: not a repository key`,
    "Use lower-case letters, digits, dots, dashes and underscores.",
  );
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}
