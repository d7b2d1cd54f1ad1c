import { resolve } from "node:path";
import { type CheckoutReason, createGitTree, type GitTree } from "../source/index.js";

export interface GitContextOptions {
  readonly cwd: string;
  readonly signal: AbortSignal;
  readonly onWarning: (message: string) => void;
}

/** Opens a commit of a local repository as a tree. Says what the objects cannot give. */
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

const reasons: Readonly<Record<CheckoutReason["kind"], string>> = {
  lfs: "is kept in LFS: the build gets the pointer, not the file",
  filter: "has a filter that is not run",
  "line-ends": "has line ends that are not converted",
  encoding: "has an encoding that is not converted",
  ident: "has $Id$ lines that are not expanded",
  submodule: "is a submodule and is left out",
};

function describeReason({ kind, path, count, detail }: CheckoutReason): string {
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  return `${path}${more} ${reasons[kind]}${detail ? ` (${detail})` : ""}; build a checkout of it where that matters`;
}
