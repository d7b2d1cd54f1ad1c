import type { ContextTree } from "../buildkit/index.js";
import type { Job } from "../bus/index.js";
import { GalleyError } from "../errors/index.js";
import {
  type CommitFiles,
  type Mirror,
  type Mirrors,
  namesMoreThanItsBase,
  openCommitFiles,
  openSource,
} from "../source/index.js";

/** The repository of a job, at its commit. */
export interface JobSource {
  /** Full id. */
  readonly commit: string;
  /** The code comes from a fork, or may do so. */
  readonly fork: boolean;
  readonly files: CommitFiles;
  /** Whether it is a fork's that may not take what was built of the same commit for the repository itself. */
  apart(signal: AbortSignal): Promise<boolean>;
  /** The files below a directory as a build context, complete with submodules and LFS objects. The caller closes it. */
  context(directory: string, signal: AbortSignal): Promise<ContextTree>;
  close(): Promise<void>;
}

export type OpenJobSource = (
  job: Pick<Job, "project" | "ref" | "commit" | "fork">,
  options: { readonly signal: AbortSignal; readonly onNote: (text: string) => void },
) => Promise<JobSource>;

/** Fetches what is missing into the repository's mirror, and reads from there. */
export function jobSources(mirrors: Mirrors): OpenJobSource {
  return async (job, { signal, onNote }) => {
    const { repoKey, url, credential } = job.project;
    const mirror = mirrors.open({ repoKey, url, credential });
    let phase = "";
    const onProgress = (progress: { readonly phase: string }) => {
      if (progress.phase === phase) return;
      phase = progress.phase;
      if (phase === "receiving") onNote(`fetching ${job.ref}`);
    };
    const answered = new AbortController();
    const asking = AbortSignal.any([signal, answered.signal]);
    const isFork = forkOf(mirror, job, { signal: asking, onNote });
    let commit: string;
    let fork: boolean;
    try {
      commit = await fetchCommit(mirror, job, { signal, onProgress });
      fork = await isFork(commit);
    } finally {
      // Nobody waits for what else the remote has to say.
      answered.abort();
    }
    const files = openCommitFiles(mirror.path, commit);
    return {
      commit,
      fork,
      files,
      apart: async (ended) => fork && (await namesMoreThanItsBase(mirror, commit, ended)),
      context: (directory, ended) =>
        openSource({
          mirror,
          commit,
          fork,
          signal: ended,
          ...(directory === "." ? {} : { subdirectory: directory }),
        }),
      close: () => files.close(),
    };
  };
}

/** Who has asked may know; else it is a fork's unless the repository itself has it. */
function forkOf(
  mirror: Mirror,
  { fork, commit }: Pick<Job, "fork" | "commit">,
  { signal, onNote }: { readonly signal: AbortSignal; readonly onNote: (text: string) => void },
): (commit: string) => Promise<boolean> {
  if (fork !== undefined) return async () => fork;
  const isOwn = mirror.ownership({ commit, signal });
  return async (fetched) => {
    try {
      if (await isOwn(fetched)) return false;
      onNote("no branch or tag of the repository has this commit: it is treated as a fork's");
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      onNote(`treated as a fork's, as the branches of the repository cannot be listed: ${why}`);
    }
    return true;
  };
}

async function fetchCommit(
  mirror: Mirror,
  { ref, commit }: Pick<Job, "ref" | "commit">,
  options: Parameters<Mirror["fetch"]>[1],
): Promise<string> {
  const wanted = commit ?? ref;
  try {
    const found = (await mirror.fetch([wanted], options)).get(wanted);
    if (found !== undefined) return found;
  } catch (error) {
    const unknown = error instanceof GalleyError && error.code === "git_ref_not_found";
    if (commit === null || !unknown) throw error;
    // Some servers give no commit by its id unless something that has a name leads to it.
    await mirror.fetch([ref], options);
    return await mirror.resolve(commit, options);
  }
  throw new GalleyError("git_ref_not_found", `The repository has no ${wanted}.`, {
    hint: "It may have been deleted, or pushed over, since.",
  });
}
