import type { Client } from "@grpc/grpc-js";
import { workers } from "./control/workers.js";
import type { BuildKitTransport } from "./transport/transport.js";

/** What an engine can do. `reasons` says for each `false` why not, and what could. */
export interface EngineFeatures {
  /** `containerd` is the containerd image store of a Docker Engine. A buildkitd counts as such: it exports the same. */
  readonly store: "plain" | "containerd";
  /** Images land in the engine's own store (exporter `moby`). A buildkitd has none. */
  readonly imageStore: boolean;
  /** Exporters `oci` and `docker`, as archives and as directories, and pushing by the exporter. */
  readonly archives: boolean;
  /** Cache export of type `local` and `registry`; `inline` works everywhere. */
  readonly cacheExport: boolean;
  readonly localCacheImport: boolean;
  /** Provenance and SBOM. */
  readonly attestations: boolean;
  /** Several platforms in one image. */
  readonly multiPlatform: boolean;
  /** `RUN <<EOF`, `COPY --link` and the like without a `# syntax=` line. */
  readonly heredoc: boolean;
  /** `context:NAME` attributes. */
  readonly namedContexts: boolean;
  /** `URL#REF:SUBDIR`: a directory of a git repository that BuildKit clones. */
  readonly gitSubdirectory: boolean;
  /** A parent cgroup for steps. */
  readonly cgroupParent: boolean;
  /** What the Dockerfile frontend answers instead of building; `check` is lint. */
  readonly subrequests: readonly ("check" | "outline" | "targets")[];
  /** Its records say which cache mount they are, by namespace and id. */
  readonly mountIds: boolean;
  readonly history: boolean;
  /** Several exports of one build. */
  readonly multipleExports: boolean;
  readonly reasons: Readonly<Partial<Record<FeatureName, string>>>;
}

type FeatureName = Exclude<keyof EngineFeatures, "store" | "reasons">;

/** First API versions of engines. */
const api = { v23: 42, v24: 43, v26: 45, v27: 46 } as const;
const snapshotterLabel = "org.mobyproject.buildkit.worker.snapshotter";
const enableStore = 'put {"features": {"containerd-snapshotter": true}} into the engine\'s daemon.json';

/** Asks for what the engine can do: from its version and its worker's labels, since BuildKit's own version is often not told. */
export async function engineFeatures(
  transport: BuildKitTransport,
  client: Client,
  signal?: AbortSignal,
): Promise<EngineFeatures> {
  const { engine } = transport;
  if (engine === undefined) {
    return features("containerd", Number.POSITIVE_INFINITY, {
      imageStore: "A buildkitd has no image store: export an archive and load it, or push",
    });
  }
  // The worker of the containerd image store names its snapshotter; that of the plain store does not.
  const containerd = (await workers(client, signal)).some(({ labels }) => snapshotterLabel in labels);
  const minor = Number(engine.apiVersion.slice("1.".length));
  const reasons: Partial<Record<FeatureName, string>> = {};
  if (!containerd) {
    const remedy = minor < api.v24 ? "Docker Engine 24 or newer has it" : enableStore;
    const needs = `needs the containerd image store (${remedy})`;
    reasons.archives = `Exporting oci and docker archives ${needs}`;
    reasons.cacheExport = `Exporting a cache to a directory or registry ${needs}; type=inline works without`;
    reasons.attestations = `Attaching provenance or an SBOM ${needs}`;
    reasons.multiPlatform = `Building for several platforms at once ${needs}`;
  }
  const found = `this is ${engine.version || `API ${engine.apiVersion}`}`;
  const since = (first: number, version: string, name: FeatureName, what: string) => {
    if (minor < first) reasons[name] = `${what} needs Docker Engine ${version} or newer (${found})`;
  };
  since(api.v24, "24", "localCacheImport", "Importing a cache from a directory");
  since(api.v23, "23", "heredoc", "A heredoc without a `# syntax=` line");
  since(api.v23, "23", "namedContexts", "A named context");
  since(api.v23, "23", "cgroupParent", "A parent cgroup");
  since(api.v23, "23", "gitSubdirectory", "Building a directory of a git URL");
  since(api.v27, "27", "subrequests", "Checking a Dockerfile without building it");
  since(api.v23, "23", "mountIds", "Telling whose a cache mount is, to sum up and collect it,");
  since(api.v24, "24", "history", "The build history");
  since(api.v26, "26", "multipleExports", "More than one output");
  return features(containerd ? "containerd" : "plain", minor, reasons);
}

function features(
  store: EngineFeatures["store"],
  minor: number,
  reasons: EngineFeatures["reasons"],
): EngineFeatures {
  const can = (name: FeatureName) => reasons[name] === undefined;
  return {
    store,
    imageStore: can("imageStore"),
    archives: can("archives"),
    cacheExport: can("cacheExport"),
    localCacheImport: can("localCacheImport"),
    attestations: can("attestations"),
    multiPlatform: can("multiPlatform"),
    heredoc: can("heredoc"),
    namedContexts: can("namedContexts"),
    gitSubdirectory: can("gitSubdirectory"),
    cgroupParent: can("cgroupParent"),
    subrequests: [
      ...(minor >= api.v27 ? (["check"] as const) : []),
      ...(minor >= api.v24 ? (["outline", "targets"] as const) : []),
    ],
    mountIds: can("mountIds"),
    history: can("history"),
    multipleExports: can("multipleExports"),
    reasons,
  };
}
