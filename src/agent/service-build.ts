import { setImmediate } from "node:timers/promises";
import { type BuildCaches, type Caches, cacheScope, contextName } from "../../cache/index.js";
import {
  type BuildRequest,
  buildImage,
  coversAsked,
  emptyRequest,
  frontendImage,
  keepForReuse,
  type PlannedBuild,
  recordBuild,
} from "../build/index.js";
import {
  BuildEvents,
  type BuildGraph,
  type BuildKitClient,
  BuildKitError,
  type ContextTree,
  type SolveStatus,
  type StepSourceMap,
} from "../buildkit/index.js";
import type { Job } from "../bus/index.js";
import { canonicalName, type Docker } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { ServiceBuild } from "../manifest/index.js";
import { OutOfRoom } from "./disk-watch.js";
import type { JobSource } from "./job-source.js";
import { imageLabels } from "./kept-images.js";
import { layerRegistry } from "./layer-registry.js";
import type { RegistryLogins } from "./registry-logins.js";
import type { Tell } from "./telling.js";

/** A job of which is known whose code it builds. */
export type DecidedJob = Job & { readonly fork: boolean };

export interface ServiceBuildOptions {
  readonly service: string;
  readonly build: ServiceBuild;
  readonly planned: PlannedBuild;
  readonly job: DecidedJob;
  /** Id. */
  readonly agent: string;
  readonly client: BuildKitClient;
  readonly docker: Docker;
  readonly source: JobSource;
  readonly logins: RegistryLogins;
  readonly caches: Caches;
  /** `host/path` of the registry that layers go to, too. */
  readonly cacheRegistry: string | undefined;
  /** Build arguments for the machine's proxies. */
  readonly proxies: Readonly<Record<string, string>>;
  readonly tell: Tell;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Builds one service, tells of it, and returns the image's id. */
export async function buildService(options: ServiceBuildOptions): Promise<string> {
  const { service, build, planned, job, client, source, logins, tell, now, signal } = options;
  const events = new BuildEvents();
  const tellAll = (told: Parameters<Tell>[0][]): Promise<void> | undefined => {
    let last: Promise<void> | undefined;
    for (const event of told) last = tell(event, service) ?? last;
    return last;
  };
  let telling = Promise.resolve();
  const tellStatus = async (status: SolveStatus) => {
    let first = true;
    for (const told of events.updates(status, now())) {
      // The agent has others to answer, the health checks of its sessions first.
      if (!first) await setImmediate();
      first = false;
      await tellAll(told);
    }
  };
  await tellAll(events.start());
  if (planned.unkeyed !== undefined) await tellAll(events.note(`it is built each time: ${planned.unkeyed}`));
  let tree: ContextTree | undefined;
  let caches: BuildCaches | undefined;
  let refused: unknown;
  let succeeded: { readonly sharedKey: string } | undefined;
  try {
    tree = await source.context(build.path, signal);
    const record = recordBuild(tree, build.dockerfile);
    const builtInFrontend = job.fork && (await needsBuiltIn(tree, build, signal));
    const begun = options.caches.begin({
      scope: scopeOf(job),
      build: `${job.deployment}-${service}`,
      service,
      tree,
      client,
      auth: logins.auth,
      useCache: job.useCache,
      registry:
        options.cacheRegistry === undefined ? undefined : layerRegistry(options.cacheRegistry, options),
      note: (text) => void tellAll(events.note(text)),
      signal,
    });
    caches = begun;
    const layers = await begun.layers();
    const { store } = await client.features(signal);
    const request = {
      ...requestOf(options, record.tree),
      ...{ outputs: store === "containerd" ? packedFast : [], builtInFrontend, cacheTo: layers.exports },
    };
    const running = {
      signal,
      stores: layers.stores,
      hostNames: scopeOf(job).hostNames,
      contextName: contextName(scopeOf(job), build.path),
      cwd: "/",
      auth: logins.auth,
      proxies: options.proxies,
      credentialsSentTo: logins.auth.sentTo,
      onStatus: (status: SolveStatus) => {
        record.status(status);
        begun.onStatus(status);
        // One after the other, whoever waits: an engine that cannot be held back sends the next one meanwhile.
        telling = telling.then(() => tellStatus(status));
        return telling;
      },
      onGraph: async (graph: BuildGraph) => {
        try {
          await begun.onGraph(graph);
        } catch (error) {
          refused = error;
          throw error;
        }
      },
      onSourceMap: (map: StepSourceMap) => void tellAll(events.sourceMap(map)),
      onWarning: (message: string) => void tellAll(events.warn(message)),
    };
    const built = await buildImage(client, { ...request, cacheFrom: layers.entries }, running).catch(
      (error: unknown) => {
        if (refused !== undefined || !begun.withoutRegistry(error)) throw error;
        return buildImage(client, { ...request, cacheFrom: [] }, running);
      },
    );
    await telling;
    const { imageId } = built;
    if (imageId === undefined)
      throw new GalleyError(
        "engine_error",
        `The engine has built ${service} and does not say which image that is.`,
      );
    const { keys } = planned;
    const known = new Set(planned.images.map(canonicalName));
    // An image that was taken in and is part of no key: nobody would notice that it has changed.
    if (keys && [...record.images()].every((image) => known.has(image))) {
      const narrowHolds = coversAsked(planned.paths, record.asked());
      await keepForReuse(options.docker, {
        image: imageId,
        project: job.project.name,
        keys,
        narrowHolds,
        signal,
      });
    }
    succeeded = built;
    await tellAll(events.finish({ kind: "built", image: imageId }, now()));
    return imageId;
  } catch (thrown) {
    // The engine only repeats what it was told.
    const error = refused ?? thrown;
    await telling.catch(() => {}); // then that is what was thrown
    await tellAll(events.finish(outcomeOf(error, signal), now()));
    throw error;
  } finally {
    const ended = (caches?.end(succeeded) ?? Promise.resolve()).then(() => tree?.close());
    // What is stored of it needs the context for longer; the deployment goes on meanwhile.
    if (!succeeded) await ended;
    else ended.catch(() => {});
  }
}

function requestOf(
  { build, planned, job, agent, service }: ServiceBuildOptions,
  tree: ContextTree,
): BuildRequest {
  const { name } = job.project;
  const { namespace, buildArgs, own } = scopeOf(job);
  const secrets = (build.secrets ?? []).map(
    (id) => [id, { kind: "value", value: Buffer.from(job.secrets[id] ?? "") }] as const,
  );
  return {
    ...emptyRequest({ kind: "tree", tree }),
    dockerfile:
      build.generated === undefined
        ? { kind: "in-context", path: build.dockerfile }
        : { kind: "text", text: build.generated },
    // Two exports of one image without a name fail on each other (containerd store, engine 28: `moby-dangling@…: already exists`).
    // The names that are looked for are given when it is known that the keys hold.
    // One an environment: the containerd store forgets an image whose only name has moved on to another build's before it has others.
    tags: [`galley/${name}:${job.environment.name}-${service}`],
    ...(build.target ? { target: build.target } : {}),
    // Last: a manifest must not choose whose cache mounts its builds see.
    buildArgs: { ...build.args, ...buildArgs },
    labels: { ...imageLabels(agent, job.project, own), "sh.galley.service": service },
    secrets: Object.fromEntries(secrets),
    noCache: !job.useCache,
    pull: planned.pull,
    // What the engine keeps of a context is kept per directory: two that share a name would throw away each other's files.
    repoKey: `${namespace}#${build.path}`,
  };
}

/**
 * The containerd store keeps layers packed, by gzip unless told otherwise, which takes it twice as long (100 MB of JavaScript and more). The images run
 * here; and the layers that are stored of a build are packed this way, too, so that nothing is packed twice.
 */
const packedFast: BuildRequest["outputs"] = [
  { type: "image", attrs: { compression: "zstd", "oci-mediatypes": "true" } },
];

/** Largest Dockerfile that is read for its frontend, in bytes. */
const largestDockerfile = 1024 * 1024;

/**
 * A frontend could ask for other repositories' cache mounts before anybody sees what it makes: of a fork, only those of docker/dockerfile
 * are let in. Where no such one is found, the engine's own has to do, so that what is overlooked here is not called there.
 *
 * @throws GalleyError forbidden
 */
async function needsBuiltIn(tree: ContextTree, build: ServiceBuild, signal: AbortSignal): Promise<boolean> {
  const text = build.generated ?? (await textOf(tree, build.dockerfile, signal));
  const frontend = frontendImage(text, build.args);
  if (frontend === undefined || frontend.trusted) return frontend === undefined;
  throw new GalleyError(
    "forbidden",
    `This code is treated as a fork's, of which ${JSON.stringify(frontend.image)} is not taken as the frontend of a Dockerfile.`,
    {
      hint: "Use docker/dockerfile in the `# syntax=` line, or none; or deploy with --no-fork what you have read.",
    },
  );
}

async function textOf(tree: ContextTree, path: string, signal: AbortSignal): Promise<string> {
  const filter = { includePatterns: [], excludePatterns: [], followPaths: [path] };
  for await (const entry of tree.entries(filter, signal)) {
    if (entry.path.toString() !== path || entry.size > largestDockerfile) continue;
    const chunks: Uint8Array[] = [];
    for await (const chunk of tree.read(entry, signal)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }
  return "";
}

function scopeOf({ project, environment, ref, fork }: DecidedJob) {
  return cacheScope({ repoKey: project.repoKey, pr: environment.pr, ref, fork });
}

function outcomeOf(error: unknown, signal: AbortSignal) {
  if (signal.reason instanceof OutOfRoom)
    return { kind: "failed", error: sameCode(error, signal.reason) ? error : signal.reason } as const;
  const cancelled = signal.aborted || (error instanceof BuildKitError && error.code === "cancelled");
  if (cancelled) return { kind: "cancelled" } as const;
  if (error instanceof BuildKitError) return { kind: "failed", error } as const;
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof GalleyError ? error.hint : undefined;
  return {
    kind: "failed",
    error: new BuildKitError("solve_failed", message, { hint, cause: error }),
  } as const;
}

/** It may know more, such as the step. */
const sameCode = (error: unknown, reason: OutOfRoom): error is BuildKitError =>
  error instanceof BuildKitError && error.code === reason.code;
