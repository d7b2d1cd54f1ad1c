import { BuildKitError } from "../errors.js";
import { splitFields, splitPair } from "../export/fields.js";
import type { CacheEntry } from "../solve/types.js";

export type CacheDirection = "from" | "to";

const kinds = ["registry", "local", "inline", "gha", "s3", "azblob"] as const;

/**
 * Reads one value of `--cache-from` or `--cache-to` the way buildx does: `type=local,src=DIR` (to: `dest=DIR`),
 * `type=registry,ref=NAME`, `type=inline`, others with their attributes as they are; without any `=` a list of names in
 * registries. Keys are in lower case in the result.
 *
 * Throws `option_invalid` with what is accepted.
 */
export function parseCacheOption(value: string, direction: CacheDirection): readonly CacheEntry[] {
  const option = `--cache-${direction}`;
  const fields = splitFields(value, option);
  if (!value.includes("=")) {
    return fields.filter((ref) => ref !== "").map((ref) => ({ type: "registry", attrs: { ref } }));
  }
  let type: string | undefined;
  const attrs: Record<string, string> = Object.create(null);
  for (const field of fields) {
    const pair = splitPair(field);
    if (pair === undefined || pair.key === "") {
      throw invalid(direction, `The field ${JSON.stringify(field)} of ${option} is not key=value.`);
    }
    if (pair.key === "type") type = pair.value;
    else attrs[pair.key] = pair.value;
  }
  if (type === undefined || type === "") throw invalid(direction, `${option} does not say its type.`);
  const entry: CacheEntry = { type, attrs: { ...attrs } };
  check(entry, direction);
  return [entry];
}

/** Left out of every Docker Engine (moby's builder-next registers `registry`, `local`, `inline` and `gha`). */
const buildkitdOnly: readonly string[] = ["s3", "azblob"];

/**
 * What the engine cannot do is refused before the build, with what would: an import that it does not know is passed over without
 * a word, an export fails when everything is built.
 */
export function requireCacheSupport(
  exports: readonly CacheEntry[],
  imports: readonly CacheEntry[],
  engine: { readonly store: "plain" | "containerd"; readonly imageStore: boolean },
): void {
  const absent = engine.imageStore
    ? [...exports, ...imports].find(({ type }) => buildkitdOnly.includes(type))
    : undefined;
  if (absent !== undefined) {
    throw new BuildKitError("engine_unsupported", `A Docker Engine has no cache of type ${absent.type}.`, {
      hint: "Use type=registry, or a buildkitd, which has it: --builder docker-container://NAME or tcp://HOST:PORT.",
    });
  }
  if (engine.store === "plain" && imports.some(({ type }) => type === "gha")) {
    throw new BuildKitError("engine_unsupported", "This engine cannot import a cache of type gha.", {
      hint: 'Switch the engine to the containerd image store ("features": {"containerd-snapshotter": true} in daemon.json).',
    });
  }
  const refused = exports.find(({ type }) => type !== "inline");
  if (refused === undefined || engine.store === "containerd") return;
  throw new BuildKitError(
    "engine_unsupported",
    `This engine cannot export a cache of type ${refused.type}.`,
    {
      hint: 'Use --cache-to type=inline, or switch the engine to the containerd image store ("features": {"containerd-snapshotter": true} in daemon.json).',
    },
  );
}

function check({ type, attrs }: CacheEntry, direction: CacheDirection): void {
  if (!(kinds as readonly string[]).includes(type)) {
    throw invalid(direction, `The cache type ${JSON.stringify(type)} is not known.`);
  }
  if (type === "inline" && direction === "from") {
    throw invalid(
      direction,
      "A cache of type inline is part of an image: import it with type=registry,ref=NAME.",
    );
  }
  const required = { local: direction === "from" ? "src" : "dest", registry: "ref" }[type];
  if (required !== undefined && !attrs[required]) {
    throw invalid(direction, `The cache type ${type} needs ${required}= in --cache-${direction}.`);
  }
  const { mode } = attrs;
  if (direction === "to" && mode !== undefined && mode !== "min" && mode !== "max") {
    throw invalid(direction, `The cache mode ${JSON.stringify(mode)} is neither min nor max.`);
  }
}

function invalid(direction: CacheDirection, message: string): BuildKitError {
  const local = direction === "from" ? "type=local,src=DIR" : "type=local,dest=DIR[,mode=max]";
  const inline = direction === "from" ? "" : ", type=inline";
  return new BuildKitError("option_invalid", message, {
    hint: `Accepted are ${local}, type=registry,ref=NAME${inline}, type=gha, s3 or azblob with their attributes, or the name of an image.`,
  });
}
