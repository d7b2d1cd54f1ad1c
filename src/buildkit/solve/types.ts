import type { ContentDirectory } from "../content/service.js";
import type { ContextTree } from "../fsutil/tree.js";
import type { SolveStatus } from "../progress/types.js";
import type { SessionService } from "../session/service.js";
import type { BuildGraph } from "./graph.js";
import type { HostNameOf } from "./other-names.js";

/** One result of a solve, in BuildKit's words. `type` names the exporter, `attrs` are handed to it as they are. */
export interface ExportEntry {
  readonly type: "moby" | "image" | "local" | "tar" | "oci" | "docker" | (string & {});
  readonly attrs: Readonly<Record<string, string>>;
  /** Where what the daemon sends back goes: a directory (`local`, or `oci`/`docker` with tar=false) or a byte sink. */
  readonly output?:
    | { readonly kind: "directory"; readonly path: string }
    | { readonly kind: "stream"; readonly open: () => Promise<NodeJS.WritableStream> };
}

/** A cache to import from or export to: `type` registry, local, inline, gha; `attrs` as buildx documents them. */
export interface CacheEntry {
  readonly type: string;
  readonly attrs: Readonly<Record<string, string>>;
}

export interface SolveOptions {
  /** Default "dockerfile.v0". `null` solves `definition` as it is. */
  readonly frontend?: string | null;
  /** Marshalled pb.Definition, for solves without a frontend. */
  readonly definition?: Uint8Array;
  /** Frontend options: `filename`, `target`, `build-arg:X`, `label:X`, `no-cache`, `platform`, ... */
  readonly frontendAttrs?: Readonly<Record<string, string>>;
  /** Trees by dir-name: "context", "dockerfile", and those of named contexts. */
  readonly trees?: Readonly<Record<string, ContextTree>>;
  /** Auth, secrets, ssh, upload ...: whatever the daemon may call beside file sync, health and receiving exports. */
  readonly services?: readonly SessionService[];
  readonly exports?: readonly ExportEntry[];
  /**
   * Image layouts that the daemon may read, by store id: those of `oci-layout://` contexts (`oci:...`), and of caches that the caller
   * serves by itself (`local:NAME`).
   */
  readonly stores?: Readonly<Record<string, ContentDirectory>>;
  readonly cacheImports?: readonly CacheEntry[];
  readonly cacheExports?: readonly CacheEntry[];
  /** `local` caches that are not there, or hold no such tag: the build goes on without them. */
  readonly onCacheSkipped?: (directory: string, reason: string) => void;
  /** Hosts that the auth service has given a user and password or token to: tells a wrong password from a missing one. */
  readonly credentialsSentTo?: Iterable<string>;
  /** Names what the daemon keeps of the trees between builds, so that unchanged files are not sent again. */
  readonly sharedKey?: string;
  /** Default: random. Shown by `Status`, build history and logs of the daemon. */
  readonly ref?: string;
  readonly entitlements?: readonly string[];
  /** Not to be remembered in the build history of the daemon. */
  readonly internal?: boolean;
  /** Longest wait for a registry to say what an image is, in ms. Default 120,000. */
  readonly metadataTimeoutMs?: number;
  /**
   * Resolve the Dockerfile to its steps before the first one runs (gateway mode): gives every step's lines on every engine.
   * Default true where it is possible.
   */
  readonly sourceMap?: boolean;
  /**
   * Called for every Status message, in order. No more are read while what it returns is pending, so that a slow reader holds them
   * back; but on Docker Engine 23 and older, which cannot be held back.
   */
  readonly onStatus?: (status: SolveStatus) => unknown;
  /** Called once with the lines of each step, before the first step runs: vertex digest to 1-based line ranges. */
  readonly onSourceMap?: (map: StepSourceMap) => void;
  /**
   * Called once with what will be run, which waits until it resolves; a rejection ends the build. Not called where the frontend is not
   * asked through the gateway (another frontend, `sourceMap: false`, a very large Dockerfile).
   */
  readonly onGraph?: (graph: BuildGraph) => Promise<void> | void;
  /**
   * Host names of single steps, before `onGraph`. A host name is part of what BuildKit knows a step by: with another one its result is
   * neither taken from others nor theirs to take. `otherwise`: of all steps, where the graph is not seen (as above).
   */
  readonly hostNames?: { readonly of: HostNameOf; readonly otherwise: string };
  /**
   * What the daemon calls the tree "context", and so the record that it keeps of it: `local source for NAME`. It is found again for builds with
   * the same name and shared key. Default, and where the graph is not seen (as above): context. ASCII.
   */
  readonly contextName?: string;
  readonly signal?: AbortSignal;
}

/** The lines of every step of a Dockerfile, by vertex digest. */
export interface StepSourceMap {
  readonly filename: string;
  /** The Dockerfile as BuildKit read it. */
  readonly text: string;
  readonly steps: ReadonlyMap<string, readonly { readonly start: number; readonly end: number }[]>;
}

export interface SolveResult {
  readonly ref: string;
  /** Files of `trees` that the daemon did not have yet, and the bytes of their content. */
  readonly sent: { readonly files: number; readonly bytes: number };
  /** The exporters' answers, merged: `containerimage.digest`, `image.name`, `cache.manifest` ... */
  readonly exporterResponse: Readonly<Record<string, string>>;
  /**
   * What the frontend said beside the image, where it was asked through the gateway: `containerimage.config`, and for
   * subrequests (`requestid`) `result.txt`, `result.json`, `result.statuscode`.
   */
  readonly frontendMetadata: Readonly<Record<string, Uint8Array>>;
}
