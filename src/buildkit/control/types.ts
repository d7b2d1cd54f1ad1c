/** One record of the build cache. */
export interface UsageRecord {
  readonly id: string;
  /** `regular`, `internal`, `frontend`, `source.local`, `source.git.checkout`, `exec.cachemount`. */
  readonly type: string;
  readonly description: string;
  /** Bytes. */
  readonly size: number;
  readonly mutable: boolean;
  readonly inUse: boolean;
  /** Something else uses the same content: removing this record alone frees nothing. */
  readonly shared: boolean;
  readonly parents: readonly string[];
  readonly usageCount: number;
  /** RFC 3339 with nanoseconds. */
  readonly createdAt?: string;
  readonly lastUsedAt?: string;
}

/** Go's names: `linux`, `amd64`. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface Worker {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly platforms: readonly Platform[];
  readonly gcPolicies: readonly GcPolicy[];
  /** Engines often leave it empty or say `v0.0.0+unknown`. */
  readonly buildkitVersion?: string;
}

/** One rule of the daemon's own clean-up. Bytes and milliseconds; 0 means no limit. */
export interface GcPolicy {
  readonly all: boolean;
  readonly filters: readonly string[];
  readonly keepDurationMs: number;
  readonly reservedBytes: number;
  readonly maxUsedBytes: number;
  readonly minFreeBytes: number;
}

/** What the BuildKit says about itself. */
export interface BuildKitInfo {
  readonly package: string;
  readonly version: string;
  readonly revision: string;
}

/** A build that the daemon remembers. */
export interface BuildRecord {
  readonly ref: string;
  readonly state: "running" | "complete";
  readonly frontend: string;
  /** Build arguments among them, in plain text. */
  readonly frontendAttrs: Readonly<Record<string, string>>;
  readonly exporters: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[];
  readonly exporterResponse: Readonly<Record<string, string>>;
  readonly createdAt?: string;
  readonly completedAt?: string;
  readonly cachedSteps: number;
  readonly completedSteps: number;
  readonly totalSteps: number;
  readonly warnings: number;
  /** Kept when the daemon cleans up. */
  readonly pinned: boolean;
  /** Present when the build failed. `status` is an encoded google.rpc.Status, where the record holds it in full. */
  readonly error?: { readonly code: number; readonly message: string; readonly status: Uint8Array };
  /** Digest of the blob that holds the full google.rpc.Status, where `error` does not. */
  readonly errorBlob?: { readonly digest: string; readonly size: number };
}
