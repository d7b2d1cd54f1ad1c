import type { LocatedMap, Place } from "../text/located.js";
import { parseYaml } from "../text/yaml.js";
import { lookUpOf, type Scope } from "./scope.js";
import { withVariables } from "./variables.js";

/** One file with its variables, as it is written otherwise. */
export async function parseFile(scope: Scope, path: string, asked: Place): Promise<LocatedMap | undefined> {
  const { findings, repository } = scope;
  const bytes = await repository.get(path, findings, asked);
  const parsed = bytes && parseYaml(bytes, path, findings);
  if (!parsed) {
    if (bytes && !findings.failed)
      findings.problem({ file: path }, "found nothing; accepted: a map with services");
    return undefined;
  }
  const root = withVariables(parsed, lookUpOf(scope), findings);
  if (root.kind === "map") return root;
  return void findings.problem(root.place, "found no map; accepted: a map with services");
}
