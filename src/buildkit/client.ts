import { type DiskUsageOptions, diskUsage } from "./control/disk-usage.js";
import {
  deleteHistory,
  finalizeHistory,
  getHistory,
  type HistoryOptions,
  listHistory,
  readHistoryError,
} from "./control/history.js";
import { info } from "./control/info.js";
import { type PruneOptions, type PruneResult, prune } from "./control/prune.js";
import { status } from "./control/status.js";
import type { BuildKitInfo, BuildRecord, UsageRecord, Worker } from "./control/types.js";
import { workers } from "./control/workers.js";
import { withDeadline } from "./deadline.js";
import { type EngineFeatures, engineFeatures } from "./features.js";
import { type Gateway, type GatewayOptions, runGateway } from "./gateway/index.js";
import type { SolveStatus } from "./progress/types.js";
import { solve } from "./solve/solve.js";
import type { SolveOptions, SolveResult } from "./solve/types.js";
import { connectTransport } from "./transport/connect.js";
import { type Endpoint, parseTarget } from "./transport/endpoint.js";
import type { TlsFiles } from "./transport/tls-files.js";
import type { BuildKitTransport, EngineFacts } from "./transport/transport.js";

export interface ConnectOptions {
  /** Where DOCKER_HOST and its like are looked up. Default: process.env. */
  readonly env?: NodeJS.ProcessEnv;
  /** Certificates for a `tcp://` target. */
  readonly tls?: TlsFiles;
  readonly signal?: AbortSignal;
  /** Default 30,000. */
  readonly timeoutMs?: number;
}

/** A connection to one BuildKit. Safe for any number of solves at once. */
export class BuildKitClient {
  readonly transport: BuildKitTransport;
  #features: Promise<EngineFeatures> | undefined;

  private constructor(transport: BuildKitTransport) {
    this.transport = transport;
  }

  /**
   * Connects to the BuildKit of a target (see `parseTarget` for its forms); without one, to that of the Docker Engine that
   * the docker command would use.
   *
   * @throws BuildKitError daemon_unreachable, daemon_permission, engine_unsupported, option_invalid, cancelled, timeout
   */
  static async connect(target?: string | Endpoint, options: ConnectOptions = {}): Promise<BuildKitClient> {
    const env = options.env ?? process.env;
    const endpoint = typeof target === "object" ? target : await parseTarget(target, env, options.tls);
    const signal = withDeadline(options.signal, options.timeoutMs ?? 30_000);
    return new BuildKitClient(await connectTransport(endpoint, env, signal));
  }

  /** The Docker Engine that is driven; undefined for a buildkitd. */
  get engine(): EngineFacts | undefined {
    return this.transport.engine;
  }

  /** Builds. @throws BuildKitError that says what failed, where in the Dockerfile, and what can be done */
  async solve(options: SolveOptions): Promise<SolveResult> {
    return await solve(this.transport, options);
  }

  /** Loads sources and runs processes in containers beside builds, for as long as `use` runs. */
  async gateway<T>(options: GatewayOptions, use: (gateway: Gateway) => Promise<T>): Promise<T> {
    return await runGateway(this.transport, options, use);
  }

  /** Follows a build by its ref, also one that another client runs; replays finished ones (engines from 24 on). */
  status(ref: string, signal?: AbortSignal): AsyncIterable<SolveStatus> {
    return status(this.transport.grpcClient(), ref, signal);
  }

  async diskUsage(options?: DiskUsageOptions): Promise<UsageRecord[]> {
    return await diskUsage(this.transport.grpcClient(), options);
  }

  async prune(options?: PruneOptions): Promise<PruneResult> {
    return await prune(this.transport.grpcClient(), options);
  }

  async workers(signal?: AbortSignal): Promise<Worker[]> {
    return await workers(this.transport.grpcClient(), signal);
  }

  /** Undefined on engines before 24, which do not say. */
  async info(signal?: AbortSignal): Promise<BuildKitInfo | undefined> {
    return await info(this.transport.grpcClient(), signal);
  }

  /** What the daemon remembers of builds; all of these throw `engine_unsupported` on engines before 24. */
  readonly history = {
    list: async (options?: HistoryOptions): Promise<BuildRecord[]> =>
      await listHistory(this.transport.grpcClient(), options),
    get: async (ref: string, signal?: AbortSignal): Promise<BuildRecord | undefined> =>
      await getHistory(this.transport.grpcClient(), ref, signal),
    delete: async (ref: string, signal?: AbortSignal): Promise<void> =>
      await deleteHistory(this.transport.grpcClient(), ref, signal),
    finalize: async (ref: string, signal?: AbortSignal): Promise<void> =>
      await finalizeHistory(this.transport.grpcClient(), ref, signal),
    /** The encoded google.rpc.Status of a failed build. */
    error: async (record: BuildRecord, signal?: AbortSignal): Promise<Uint8Array | undefined> =>
      await readHistoryError(this.transport.grpcClient(), record, signal),
  };

  /** What this engine can do, and why not where it cannot. Asked once. */
  async features(signal?: AbortSignal): Promise<EngineFeatures> {
    this.#features ??= engineFeatures(this.transport, this.transport.grpcClient(), signal);
    // A question that failed is asked again.
    this.#features.catch(() => {
      this.#features = undefined;
    });
    return await this.#features;
  }

  /**
   * Whether the Docker Engine takes a registry (`host` or `host:port`) over plain http, by its `insecure-registries`. False for a
   * buildkitd, which does not say. Asked for anew each time.
   *
   * @throws BuildKitError daemon_unreachable, cancelled
   */
  async takesPlainHttp(registry: string, signal: AbortSignal): Promise<boolean> {
    const insecure = await this.transport.insecureRegistries?.(signal);
    return insecure?.(registry) ?? false;
  }

  /** Ends everything under way and every connection. Idempotent. */
  close(): void {
    this.transport.close();
  }
}
