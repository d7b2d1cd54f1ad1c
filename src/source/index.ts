/**
 * Git repositories as sources of builds: mirrors of repositories elsewhere, and a commit's tree as a build context, without a
 * checkout. Knows git, LFS and the shape of context trees; it must not know manifests, builds or who asks.
 */

export { type CommitFiles, type CommitPath, openCommitFiles } from "./commit-files.js";
export type { FetchProgress } from "./fetch-progress.js";
export { namesMoreThanItsBase } from "./fork-base.js";
export type { Credential, GitOptions, SourceLog } from "./git-options.js";
export { createGitTree, type GitTree, type GitTreeOptions } from "./git-tree.js";
export type { CheckoutReason, CheckoutReasonKind } from "./load-tree.js";
export { type FetchOptions, type Mirror, type MirrorOptions, openMirror } from "./mirror.js";
export { createMirrors, type Mirrors } from "./mirrors.js";
export { type OpenSourceOptions, openSource } from "./open-source.js";
