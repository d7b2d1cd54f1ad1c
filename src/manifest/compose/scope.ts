import { directoryOf, pathIn, type Repository } from "../repository.js";
import type { Findings } from "../text/findings.js";
import type { Located } from "../text/located.js";
import { type KnownVariables, lookUpIn } from "./variables.js";

/** What reading compose files needs all along. */
export interface Scope {
  readonly repository: Repository;
  readonly findings: Findings;
  readonly variables: KnownVariables;
  /** Directory that paths of a file are relative to, where it is not the file's own. */
  readonly directories: Map<string, string>;
}

/** A path that stands in a compose file, from the repository's root. What leads out of it is a problem; then undefined. */
export function pathOf(scope: Scope, located: Located, text: string, where: string): string | undefined {
  const { file } = located.place;
  const directory = scope.directories.get(file) ?? directoryOf(file);
  const path = pathIn(directory, text);
  if (path !== undefined) return path;
  return void scope.findings.problem(
    located.place,
    `${where}: found ${JSON.stringify(text)}; accepted: a path inside the repository`,
  );
}

export const lookUpOf = (scope: Scope) => lookUpIn(scope.variables);
