import { resolve } from "node:path";
import { type CheckoutReason, createGitTree, type GitTree } from "../source/index.js";

export interface GitContextOptions {
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onWarning: (message: string) => void;
}

/** Opens a commit of a local repository as a tree. Says what that cannot give. */
export async function openGitContext(
  source: { readonly repository: string; readonly ref: string; readonly subdirectory?: string },
  { cwd, signal, onWarning }: GitContextOptions,
): Promise<GitTree> {
  const tree = await createGitTree({
    repository: resolve(cwd, source.repository),
    commit: source.ref,
    ...(source.subdirectory ? { subdirectory: source.subdirectory } : {}),
    signal,
  });
  for (const reason of tree.needsCheckout) onWarning(describeReason(reason));
  return tree;
}

const checkout = "build a checkout of it";

const reasons: Readonly<Record<CheckoutReason["kind"], readonly [what: string, advice: string]>> = {
  lfs: ["is kept in LFS: the build gets the pointer, not the file", "fetch it with `git lfs fetch`"],
  filter: ["has a filter, which is not run", checkout],
  "line-ends": ["is too large for its line ends to be converted", checkout],
  encoding: ["has an encoding that is not converted", checkout],
  ident: ["is too large for its $Id$ lines to be expanded", checkout],
  submodule: ["is a submodule and is left out", "clone it with `git submodule update --init --recursive`"],
};

function describeReason({ kind, path, count, detail }: CheckoutReason): string {
  const [what, advice] = reasons[kind];
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  return `${path}${more} ${what}${detail ? ` (${detail})` : ""}; ${advice} where that matters`;
}
