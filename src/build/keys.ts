import { createHash } from "node:crypto";
import type { ServiceBuild } from "../manifest/index.js";
import type { ContextPath } from "./keys-paths.js";

/** Changes when the way keys are made does: images of older keys are then not found any more. */
const scheme = "galley-build-key/1";

export interface BuildKeyInput {
  /** Whose image it is: one agent, one project. */
  readonly scope: readonly string[];
  readonly build: ServiceBuild;
  /** `os/arch[/variant]` of the result. */
  readonly platform: string;
  /** Digest of every image that the build takes in, by the name that the Dockerfile uses. */
  readonly images: ReadonlyMap<string, string>;
  /** Ids of the secrets that its steps may mount; values are no input, as for BuildKit. */
  readonly secrets: readonly string[];
  /** Id of the git tree that is the context. */
  readonly tree: string;
  /** What of the context the build takes, where that is known. */
  readonly paths: readonly ContextPath[] | undefined;
}

/** Names of the same image: whoever finds one of them needs no solve. */
export interface BuildKeys {
  /** Holds for the whole context. */
  readonly wide: string;
  /** Holds for the paths that the Dockerfile names; undefined where they are not known. */
  readonly narrow: string | undefined;
}

/** The keys of a build: equal for two builds that would make the same image. 40 hexadecimal digits, fit for a tag. */
export function buildKeys(input: BuildKeyInput): BuildKeys {
  const { scope, build, platform, images, secrets, tree, paths } = input;
  const same = [
    scheme,
    scope,
    build.path,
    build.dockerfile,
    build.target ?? null,
    sorted(Object.entries(build.args)),
    platform,
    sorted([...images]),
    [...secrets].sort(),
    // Beside the others, so that keys of older builds stay what they were.
    ...(build.generated === undefined ? [] : ["generated", build.generated]),
  ];
  return {
    wide: hash([...same, "tree", tree]),
    narrow:
      paths && hash([...same, "paths", sorted(paths.map(({ path, mode, id }) => [path, `${mode} ${id}`]))]),
  };
}

function sorted(pairs: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  return [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function hash(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 40);
}
