import type { Owner } from "../preview/index.js";
import type { RepositoryArgument } from "./repository-argument.js";

/** Whose containers `galley up` starts: nobody's agent, this repository's one environment. */
export function localOwner({ repoKey }: RepositoryArgument): Owner {
  return { agent: "local", project: repoKey, environment: `up-${repoKey}` };
}
