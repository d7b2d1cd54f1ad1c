import {
  type BuildGraph,
  type BuildKitClient,
  BuildKitError,
  type ContentDirectory,
  createSecrets,
  createSshAgents,
  type ExportEntry,
  resolveOutputs,
  type SessionService,
  type SolveOptions,
  type SolveStatus,
  type StepSourceMap,
} from "../buildkit/index.js";
import { frontendAttrs } from "./frontend-attrs.js";
import { openContext } from "./open-context.js";
import { withProxies } from "./proxy-args.js";
import type { BuildRequest } from "./request.js";
import { requireSupport } from "./requirements.js";

export interface BuildImageOptions {
  readonly signal: AbortSignal;
  /** Relative paths of the request are taken from here. */
  readonly cwd: string;
  /** Registry credentials for base images, pushes and caches. */
  readonly auth: SessionService;
  /** Build arguments for the engine's proxies (`proxyArgs`): those of the request win over them. */
  readonly proxies?: Readonly<Record<string, string>>;
  /** Hosts that `auth` has given credentials to, so that a refusal is told from a missing login. */
  readonly credentialsSentTo?: Iterable<string>;
  readonly onStatus?: (status: SolveStatus) => unknown;
  readonly onSourceMap?: (map: StepSourceMap) => void;
  readonly onGraph?: (graph: BuildGraph) => Promise<void> | void;
  readonly hostNames?: SolveOptions["hostNames"];
  readonly contextName?: SolveOptions["contextName"];
  readonly onWarning?: (message: string) => void;
  /** Served beside those of the request's contexts: caches among `cacheFrom` that the caller serves by itself. */
  readonly stores?: Readonly<Record<string, ContentDirectory>>;
  /** Where an output with `dest=-` goes. */
  readonly stdout?: { readonly terminal: boolean; readonly open: () => Promise<NodeJS.WritableStream> };
  /** Pushes a name of the engine's image store, where the engine's BuildKit does not push by itself. */
  readonly push?: (name: string, signal: AbortSignal) => Promise<void>;
}

export interface BuiltImage {
  readonly ref: string;
  /** Id of the image in the engine's store; absent when the result is not an image there. */
  readonly imageId?: string;
  readonly exporterResponse: Readonly<Record<string, string>>;
  /** Files that the engine did not have yet, and the bytes of their content. */
  readonly sent: { readonly files: number; readonly bytes: number };
  /** The name of what the engine keeps of the context. */
  readonly sharedKey: string;
  /** What a frontend answered instead of building (`call`). */
  readonly answer?: Readonly<Record<string, Uint8Array>>;
}

/**
 * Builds one request on one BuildKit. What the engine cannot do is refused before anything is sent; whatever happens, the
 * context is closed again.
 */
export async function buildImage(
  client: BuildKitClient,
  request: BuildRequest,
  options: BuildImageOptions,
): Promise<BuiltImage> {
  const { signal, cwd } = options;
  const onWarning = options.onWarning ?? (() => {});
  const engine = await client.features(signal);
  requireSupport(request, engine);
  const outputs = request.call
    ? { exports: [], afterBuild: {} as { push?: readonly string[] } }
    : resolveOutputs(request.outputs, {
        engine,
        tags: request.tags,
        cwd,
        ...(options.stdout ? { stdout: options.stdout } : {}),
      });
  const exports = engine.imageStore ? outputs.exports : withoutImageStore(outputs.exports);

  const context = await openContext(request, { cwd, signal, onWarning });
  try {
    const result = await client.solve({
      frontend: "dockerfile.v0",
      frontendAttrs: {
        ...frontendAttrs({ ...request, buildArgs: withProxies(request.buildArgs, options.proxies ?? {}) }),
        ...context.attrs,
      },
      trees: context.trees,
      sharedKey: context.sharedKey,
      services: [
        ...context.services,
        options.auth,
        ...(Object.keys(request.secrets).length > 0 ? [createSecrets(request.secrets)] : []),
        ...(Object.keys(request.ssh).length > 0 ? [await createSshAgents(request.ssh)] : []),
      ],
      exports,
      stores: { ...options.stores, ...context.stores },
      cacheImports: request.cacheFrom,
      cacheExports: request.cacheTo,
      onCacheSkipped: (directory, reason) => onWarning(`no cache is read from ${directory}: ${reason}`),
      ...(options.credentialsSentTo ? { credentialsSentTo: options.credentialsSentTo } : {}),
      entitlements: [...request.allow, ...(request.network === "host" ? ["network.host"] : [])],
      ...(options.onStatus ? { onStatus: options.onStatus } : {}),
      ...(options.onSourceMap ? { onSourceMap: options.onSourceMap } : {}),
      ...(options.onGraph ? { onGraph: options.onGraph } : {}),
      ...(options.hostNames ? { hostNames: options.hostNames } : {}),
      ...(options.contextName === undefined ? {} : { contextName: options.contextName }),
      signal,
    });
    for (const name of outputs.afterBuild.push ?? []) await options.push?.(name, signal);
    const stored = exports.some((entry) => entry.type === "moby" || entry.type === "image");
    const imageId = stored ? result.exporterResponse["containerimage.digest"] : undefined;
    return {
      ref: result.ref,
      exporterResponse: result.exporterResponse,
      sent: result.sent,
      sharedKey: context.sharedKey,
      ...(imageId ? { imageId } : {}),
      ...(request.call ? { answer: result.frontendMetadata } : {}),
    };
  } finally {
    await context.close();
  }
}

/**
 * A buildkitd has no store that images end up in: it pushes them (its exporter is called `image`, a Docker Engine's `moby`), or
 * sends them back.
 *
 * @throws BuildKitError engine_unsupported for an image that would go nowhere
 */
export function withoutImageStore(exports: readonly ExportEntry[]): readonly ExportEntry[] {
  return exports.map((entry) => {
    if (entry.type !== "moby") return entry;
    if (entry.attrs.push === "true") return { ...entry, type: "image" };
    throw new BuildKitError(
      "engine_unsupported",
      "A buildkitd has no image store that the result could go to.",
      {
        hint: "Add --push, or --output type=docker,dest=image.tar and load that.",
      },
    );
  });
}
