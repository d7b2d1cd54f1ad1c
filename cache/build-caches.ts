import type {
  BuildGraph,
  BuildKitClient,
  ContextTree,
  SessionService,
  SolveStatus,
} from "../src/buildkit/index.js";
import type { LayerImports } from "./layer-import.js";
import type { LayerRegistry } from "./registry-layers.js";
import type { CacheScope } from "./scope.js";

export interface BeginOptions {
  readonly scope: CacheScope;
  /** `[A-Za-z0-9._-]`, unique. */
  readonly build: string;
  readonly service: string;
  /** The context, with times made from its content. Open until `end`. */
  readonly tree: ContextTree;
  readonly client: BuildKitClient;
  /** For the image that a step starts from, where no busybox is at hand. */
  readonly auth: SessionService;
  /** False: nothing is restored; what the build makes is stored all the same. */
  readonly useCache: boolean;
  /** Where layers go besides, and come from when none are stored here. */
  readonly registry?: LayerRegistry | undefined;
  /** A sentence for whoever follows the build. */
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/** The caches of one build, from before its first step to after its end. */
export interface BuildCaches {
  /** Stored layers for the solve, where the engine has lost what they hold. They stay until `end`. Rejects with the build's signal only. */
  layers(): Promise<LayerImports>;
  /** Whether a build may have failed for the layers of a registry that it was given: it is to be tried once more without. */
  withoutRegistry(error: unknown): boolean;
  /** Before the first step: refuses other repositories' mounts, and fills what is gone from what was stored. @throws GalleyError forbidden */
  onGraph(graph: BuildGraph): Promise<void>;
  onStatus(status: SolveStatus): void;
  /**
   * Resolves when the context is needed no more: nobody should wait for that who has something to do with what was built. What follows
   * happens behind the caller's back, see `settled`. Never rejects.
   *
   * @param built the name of what the engine keeps of the context, and the id of the image; undefined where nothing was built
   */
  end(built: { readonly sharedKey: string; readonly imageId?: string } | undefined): Promise<void>;
}
