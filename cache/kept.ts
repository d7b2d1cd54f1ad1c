/**
 * Kinds of what is kept for a repository and can be removed. `mirror` is listed beside them and never collected: it costs a clone; and so is
 * `registry`, which is elsewhere.
 */
export const keptKinds = ["mount", "layers", "record", "context", "image"] as const;
export type KeptKind = (typeof keptKinds)[number];

/** Something that is kept for a repository, whatever its kind. */
export interface Kept {
  readonly kind: KeptKind | "mirror" | "registry";
  readonly repo: string;
  /** Names it in commands; unique among those of its repository. */
  readonly name: string;
  /** For people: the id of a mount, the service of layers, the path of a context, the names of an image. */
  readonly what: string;
  /** Whose builds made it: `base`, a pull request, or a fork's. */
  readonly scope: string;
  /** Bytes. Stored mounts and layers share what they have in common: together they may take less. */
  readonly size: number;
  /** RFC 3339; null: not known. */
  readonly createdAt: string | null;
  readonly lastUsedAt: string;
  /** The last builds that used it. */
  readonly usedBy: readonly string[];
  /** Milliseconds that it would take to make it again; null: not known. */
  readonly cost: number | null;
  /** A build, a preview or somebody else on this engine needs it: it stays. */
  readonly inUse: boolean;
}

/** What is kept of one kind for one repository. */
export interface KeptHere {
  readonly repo: string;
  readonly kind: KeptKind;
  /** Bytes on disk of all of them. */
  readonly bytes: number;
  readonly items: readonly Kept[];
}

/** What a kind must be able to do to be collected. */
export interface Keeper {
  readonly kind: KeptKind;
  list(signal: AbortSignal): Promise<readonly KeptHere[]>;
  /** @returns bytes freed on disk; undefined when it is in use after all, and stays */
  remove(item: Kept, signal: AbortSignal): Promise<number | undefined>;
}

/** Something that was removed, and what that has freed. */
export interface Removed extends Pick<Kept, "repo" | "name" | "what" | "scope"> {
  readonly kind: KeptKind;
  /** In words. */
  readonly why: string;
  /** Bytes on disk. */
  readonly freed: number;
}
