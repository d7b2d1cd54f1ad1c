// What the tests of caches share: builds that go through the caches of a data directory, and ways to forget what an engine has.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Caches,
  cacheScope,
  contextName,
  type LayerRegistry,
  openCaches,
  type Removed,
} from "../../cache/index.js";
import {
  type BuildGraph,
  BuildKitClient,
  createFilesTree,
  createRegistryAuth,
  loadDockerConfig,
  type SessionService,
  type SolveOptions,
  type SolveStatus,
} from "../../src/buildkit/index.js";
import { engineEnv, type LabEngine } from "../lab/engine.js";

export interface CacheWorld {
  readonly client: BuildKitClient;
  readonly dataDirectory: string;
  readonly caches: Caches;
  readonly warnings: string[];
  /** Builds `FROM busybox` and these lines; resolves with what its steps printed, when what follows it is done. */
  build(lines: string, options?: CacheBuildOptions): Promise<string>;
  /** Removes from the engine every record that has the text in its description. */
  forget(text: string): Promise<number>;
  remove(): Promise<void>;
}

export interface CacheBuildOptions {
  readonly repoKey?: string;
  readonly pr?: number;
  readonly fork?: boolean;
  readonly files?: Readonly<Record<string, string>>;
  readonly id?: string;
  /** Told when the graph is known, before the caches are. */
  readonly onGraph?: (graph: BuildGraph) => void;
  readonly onStatus?: (status: SolveStatus) => void;
  readonly solve?: Partial<SolveOptions>;
  /** Default: web. */
  readonly service?: string;
  /** The result has this name in the engine's store. Default: it is thrown away. */
  readonly image?: string;
}

export const unique = (name: string) => `${name}-${randomBytes(6).toString("hex")}`;

export async function cacheWorld(
  engine: LabEngine,
  options: {
    readonly dataDirectory?: string;
    /** Where BuildKit is reached. Default: through the engine. */
    readonly target?: string;
    readonly share?: number;
    readonly budget?: number;
    readonly onRemoved?: (removed: Removed) => void;
    readonly registry?: LayerRegistry;
    /** Whether layers are stored, as they are where the engine can. Default: true. */
    readonly layers?: boolean;
    /** Default: logins of the lab's docker configuration. */
    readonly auth?: SessionService;
  } = {},
): Promise<CacheWorld> {
  const env = engineEnv(engine);
  const connect = async (signal?: AbortSignal) => {
    const client = await BuildKitClient.connect(options.target, { env, ...(signal ? { signal } : {}) });
    if (options.layers !== false) return client;
    const features = client.features.bind(client);
    client.features = async (by) => ({ ...(await features(by)), cacheExport: false });
    return client;
  };
  const client = await connect();
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), "galley-cache-"));
  const warnings: string[] = [];
  const caches = openCaches({
    dataDirectory,
    budget: options.budget ?? 1e9,
    share: options.share ?? 1e9,
    ...(options.onRemoved ? { onRemoved: options.onRemoved } : {}),
    connect,
    log: {
      info: () => {},
      warn: (fields, message) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
    },
    now: Date.now,
  });
  const auth = options.auth ?? createRegistryAuth({ config: await loadDockerConfig(undefined, env), env });
  return {
    client,
    dataDirectory,
    caches,
    warnings,
    async build(
      lines,
      { repoKey = "repo-a", pr, fork = false, files = {}, id = unique("b"), service = "web", ...rest } = {},
    ) {
      const { onGraph, onStatus, solve, image } = rest;
      const scope = cacheScope({ repoKey, pr: pr ?? null, fork });
      const tree = createFilesTree(
        new Map(Object.entries({ ...files, Dockerfile: `FROM busybox\n${lines}\n` })),
      );
      const begun = caches.begin({
        scope,
        build: id,
        service,
        registry: options.registry,
        tree,
        client,
        auth,
        useCache: true,
        note: () => {},
        signal: new AbortController().signal,
      });
      let log = "";
      const sharedKey = `galley-test-${repoKey}`;
      let built: { readonly sharedKey: string; readonly imageId?: string } | undefined;
      let refused: unknown;
      try {
        const layers = await begun.layers();
        const { exporterResponse } = await client.solve({
          cacheImports: layers.entries,
          cacheExports: layers.exports,
          ...(image ? { exports: [{ type: "moby", attrs: { name: image } }] } : {}),
          services: [auth],
          stores: layers.stores,
          sharedKey,
          frontendAttrs: {
            ...Object.fromEntries(
              Object.entries(scope.buildArgs).map(([name, value]) => [`build-arg:${name}`, value]),
            ),
            "image-resolve-mode": "local",
          },
          hostNames: scope.hostNames,
          contextName: contextName(scope, "."),
          ...solve,
          trees: { context: tree, dockerfile: tree },
          onGraph: async (graph) => {
            onGraph?.(graph);
            await begun.onGraph(graph).catch((error: unknown) => {
              refused = error;
              throw error;
            });
          },
          onStatus: (status) => {
            begun.onStatus(status);
            onStatus?.(status);
            for (const { data } of status.logs) log += Buffer.from(data).toString();
          },
        });
        const imageId = exporterResponse["containerimage.digest"];
        built = { sharedKey, ...(imageId ? { imageId } : {}) };
      } catch (error) {
        throw refused ?? error;
      } finally {
        void begun.end(built);
      }
      await caches.settled();
      return log;
    },
    async forget(text) {
      let removed = 0;
      for (;;) {
        const mine = (await client.diskUsage()).filter(({ description }) => description.includes(text));
        if (mine.length === 0) return removed;
        const { records } = await client.prune({ filter: mine.map(({ id }) => `id==${id}`), all: true });
        removed += records.length;
        if (records.length === 0) return removed;
      }
    },
    async remove() {
      await caches.close();
      client.close();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}
