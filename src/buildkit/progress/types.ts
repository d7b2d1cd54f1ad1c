// The domain types of a solve's progress. Field names and the JSON they print to are those of BuildKit's `rawjson`, so
// that what reads buildx's output reads ours. Times are RFC 3339 strings with nanoseconds ("2026-01-02T03:04:05.123456789Z").

/** `sha256:<hex>`: the digest of the marshalled LLB op, or of a random value for the daemon's internal vertices. */
export type Digest = string;

export interface ProgressGroup {
  readonly id: string;
  readonly name: string;
  readonly weak?: boolean;
}

export interface Vertex {
  readonly digest: Digest;
  readonly inputs?: readonly Digest[];
  readonly name: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
  readonly error?: string;
  readonly progressGroup?: ProgressGroup;
}

export interface VertexStatus {
  readonly id: string;
  readonly vertex: Digest;
  readonly name?: string;
  /** Bytes or items expected; absent or 0 when unknown. */
  readonly total?: number;
  readonly current: number;
  readonly timestamp: string;
  readonly started?: string;
  readonly completed?: string;
}

export interface VertexLog {
  readonly vertex: Digest;
  /** 1 stdout, 2 stderr. */
  readonly stream: number;
  readonly data: Uint8Array;
  readonly timestamp: string;
}

export interface SourceRange {
  readonly start: { readonly line: number; readonly character?: number };
  readonly end: { readonly line: number; readonly character?: number };
}

export interface VertexWarning {
  readonly vertex: Digest;
  readonly level: number;
  readonly short: string;
  readonly detail: readonly string[];
  readonly url?: string;
  readonly sourceInfo?: {
    readonly filename?: string;
    readonly data?: Uint8Array;
    readonly language?: string;
  };
  readonly ranges: readonly SourceRange[];
}

/** One message of `Control.Status`, as it came. Vertices repeat; the fold in `model.ts` merges them. */
export interface SolveStatus {
  readonly vertexes: readonly Vertex[];
  readonly statuses: readonly VertexStatus[];
  readonly logs: readonly VertexLog[];
  readonly warnings: readonly VertexWarning[];
}
