/**
 * Git repositories as sources of builds: a commit's tree as a build context, without a checkout. Knows git and the shape of
 * context trees; it must not know manifests, builds or who asks.
 */
export type { CheckoutReasonKind } from "./attributes.js";
export { type CommitFiles, type CommitPath, openCommitFiles } from "./commit-files.js";
export { type CheckoutReason, createGitTree, type GitTree, type GitTreeOptions } from "./git-tree.js";
