import type { Readable } from "node:stream";
import type { CacheEntry, ContextTree, OutputSpec, SecretSource } from "../buildkit/index.js";

export type { SecretSource } from "../buildkit/index.js";

/** Where the files of a build come from. */
export type BuildContext =
  | { readonly kind: "directory"; readonly path: string }
  /** A commit of a local repository, served from its objects without a checkout. */
  | {
      readonly kind: "git";
      readonly repository: string;
      readonly ref: string;
      readonly subdirectory?: string;
    }
  /** A git or http(s) URL that BuildKit fetches by itself. */
  | { readonly kind: "remote"; readonly url: string }
  /** A tar, as it comes, handed to BuildKit by the upload service. */
  | { readonly kind: "tar"; readonly stream: Readable }
  /** No files at all: a Dockerfile alone. */
  | { readonly kind: "empty" }
  /** Made by the caller, for example of an agent's mirror, and closed by it. */
  | { readonly kind: "tree"; readonly tree: ContextTree };

/** Which Dockerfile: a path relative to the context (the default), a file elsewhere, or its text. */
export type DockerfileSource =
  | { readonly kind: "in-context"; readonly path: string }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "text"; readonly text: string };

export type NamedContext =
  | { readonly kind: "directory"; readonly path: string }
  | {
      readonly kind: "git";
      readonly repository: string;
      readonly ref: string;
      readonly subdirectory?: string;
    }
  /** `docker-image://`, `target:`, git and http URLs: BuildKit resolves them. */
  | { readonly kind: "reference"; readonly value: string }
  /** `oci-layout://DIR[:TAG]`: an image on this machine's disk. */
  | { readonly kind: "oci-layout"; readonly reference: string };

export interface SshSource {
  readonly socket?: string;
  readonly keys?: readonly string[];
}

export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/** One image (or other result) to be built; every option means what it means to `docker buildx build`. */
export interface BuildRequest {
  readonly context: BuildContext;
  readonly dockerfile: DockerfileSource;
  readonly tags: readonly string[];
  readonly target?: string;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly namedContexts: Readonly<Record<string, NamedContext>>;
  readonly secrets: Readonly<Record<string, SecretSource>>;
  readonly ssh: Readonly<Record<string, SshSource>>;
  /** `os/arch[/variant]`; empty: the engine's own. */
  readonly platforms: readonly string[];
  /** true: no step from cache; a list: none of these stages. */
  readonly noCache: boolean | readonly string[];
  readonly pull: boolean;
  /** `name=address`. */
  readonly addHosts: readonly string[];
  readonly network: "default" | "host" | "none";
  /** Bytes; absent: the engine's default. */
  readonly shmSize?: number;
  readonly ulimits: readonly Ulimit[];
  readonly cgroupParent?: string;
  readonly outputs: readonly OutputSpec[];
  readonly cacheFrom: readonly CacheEntry[];
  readonly cacheTo: readonly CacheEntry[];
  /** Attestations by type, with their parameters (`mode=max`); `null` switches one off. */
  readonly attestations: Readonly<Record<string, string | null>>;
  /** A frontend's other method instead of a build. */
  readonly call?: "check" | "outline" | "targets";
  readonly allow: readonly string[];
  /** Read by the engine's own frontend, whatever its `# syntax=` line says. */
  readonly builtInFrontend?: boolean;
  /** Whose caches to use: isolates cache mounts and names what the engine keeps of the context. */
  readonly repoKey?: string;
}
