import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { usageError } from "./usage-error.js";

export interface RepositoryArgument {
  readonly repository: string;
  readonly ref: string;
  /** A name for people and for images: that of the folder. */
  readonly project: string;
  /** Tells repositories of one name apart. */
  readonly repoKey: string;
}

/** `PATH`, `PATH#REF`: a local repository, bare or with a work tree. */
export function parseRepository(argument: string, cwd: string): RepositoryArgument {
  const hash = argument.indexOf("#");
  const path = resolve(cwd, hash < 0 ? argument : argument.slice(0, hash) || ".");
  const ref = (hash < 0 ? "" : argument.slice(hash + 1)) || "HEAD";
  let repository: string;
  try {
    repository = realpathSync(path);
  } catch {
    throw usageError(`there is no repository at ${path}`, "Give the path of a local git repository.");
  }
  const folder = basename(repository) === ".git" ? basename(dirname(repository)) : basename(repository);
  const project =
    folder
      .replace(/\.git$/, "")
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 30) || "project";
  const digest = createHash("sha256").update(repository).digest("hex").slice(0, 8);
  return { repository, ref, project, repoKey: `${project}-${digest}` };
}
