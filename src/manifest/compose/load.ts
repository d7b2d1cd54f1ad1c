import type { Repository } from "../repository.js";
import { decode } from "../text/hostile.js";
import { keyPlace, type Located, type LocatedMap, type Place } from "../text/located.js";
import { parseEnvFile } from "./dotenv.js";
import { extendServices } from "./extends.js";
import { checkKeys, topKeys } from "./keys.js";
import { mergeMaps } from "./merge.js";
import { parseFile } from "./parse-file.js";
import { pathOf, type Scope } from "./scope.js";
import { itemsOf, mapOf, textOf } from "./values.js";
import { lookUpIn } from "./variables.js";

/** Files in one another. */
const deepestInclude = 10;

/** A compose file with its variables, `extends` and `include` carried out. What is wrong goes to the findings; then undefined. */
export async function loadFile(
  scope: Scope,
  path: string,
  asked: Place,
  above: readonly string[],
): Promise<LocatedMap | undefined> {
  const { findings, repository } = scope;
  if (above.includes(path)) {
    return void findings.problem(
      asked,
      `include: files include each other in a circle: ${[...above, path].join(" → ")}`,
    );
  }
  if (above.length >= deepestInclude) {
    return void findings.problem(
      asked,
      `include: files include each other more than ${deepestInclude} levels deep`,
    );
  }
  const root = await parseFile(scope, path, asked);
  if (!root) return undefined;
  checkKeys(root, "", topKeys, findings);
  const extended = await extendServices(scope, root, path);
  const included = await includedBy(scope, repository, extended, [...above, path]);
  return included ? joined(scope, included, extended) : extended;
}

async function includedBy(
  scope: Scope,
  repository: Repository,
  root: LocatedMap,
  above: readonly string[],
): Promise<LocatedMap | undefined> {
  const { findings } = scope;
  let all: LocatedMap | undefined;
  for (const item of itemsOf(root.entries.get("include")?.value, "include", findings)) {
    const long = item.kind === "map" ? item : undefined;
    if (long) checkKeys(long, "include", { read: ["path", "project_directory", "env_file"] }, findings);
    const paths = itemsOf(long ? long.entries.get("path")?.value : item, "include", findings, {
      single: true,
    });
    let merged: LocatedMap | undefined;
    let inner = scope;
    for (const [index, one] of paths.entries()) {
      const text = textOf(one, "include", findings, "a path");
      const path =
        text === undefined
          ? undefined
          : remote(text)
            ? refuseRemote(scope, one)
            : pathOf(scope, one, text, "include");
      if (path === undefined) continue;
      if (index === 0) inner = await scopeOf(scope, repository, long, path);
      // All paths of one entry are relative to the same directory.
      scope.directories.set(path, inner.directories.get("") ?? "");
      const file = await loadFile(inner, path, one.place, above);
      if (file) merged = merged ? mergeMaps(merged, file) : file;
    }
    if (merged) all = all ? joined(scope, all, merged) : merged;
  }
  return all;
}

const remote = (text: string) => /^(?:https?:|oci:|git@|ssh:|github\.com\/)/.test(text);

function refuseRemote(scope: Scope, located: Located): undefined {
  scope.findings.problem(
    located.place,
    "include: files from elsewhere are not read; accepted: a path inside the repository",
  );
}

/** What an included file sees: the project's variables, then those of its own directory. */
async function scopeOf(
  scope: Scope,
  repository: Repository,
  entry: LocatedMap | undefined,
  path: string,
): Promise<Scope> {
  const { findings } = scope;
  const given = entry?.entries.get("project_directory")?.value;
  const text = given && textOf(given, "include.project_directory", findings, "a path");
  const directory =
    given && text !== undefined
      ? pathOf(scope, given, text, "include.project_directory")
      : path.split("/").slice(0, -1).join("/");
  const envFiles = itemsOf(entry?.entries.get("env_file")?.value, "include.env_file", findings, {
    single: true,
  });
  const files = [...scope.variables.files];
  const read = async (file: string, place: Place | undefined) => {
    const bytes = place ? await repository.get(file, findings, place) : await repository.find(file, findings);
    const content = bytes && decode(bytes, { file }, findings);
    if (content !== undefined)
      files.push(parseEnvFile(content, file, lookUpIn({ ...scope.variables, files }), findings));
  };
  if (envFiles.length === 0 && directory) await read(`${directory}/.env`, undefined);
  for (const one of envFiles) {
    const name = textOf(one, "include.env_file", findings, "a path");
    const file = name === undefined ? undefined : pathOf(scope, one, name, "include.env_file");
    if (file !== undefined) await read(file, one.place);
  }
  const directories = scope.directories;
  directories.set("", directory ?? "");
  return { ...scope, directories, variables: { ...scope.variables, files } };
}

/** Files that are included are apart: a name that two of them have is a problem. */
function joined(scope: Scope, first: LocatedMap, second: LocatedMap): LocatedMap {
  for (const section of ["services", "volumes", "networks", "configs", "secrets"]) {
    const before = first.entries.get(section)?.value;
    const after = mapOf(second.entries.get(section)?.value, section, scope.findings);
    for (const [name] of after?.entries ?? []) {
      const here = keyPlace(before, name);
      const there = keyPlace(after, name);
      if (!here || !there || here === there || section === "networks") continue;
      const at = here.line === undefined ? here.file : `${here.file}:${here.line}`;
      scope.findings.problem(
        there,
        `${section}.${name}: stands in an included file, too (${at}); accepted: each name once`,
      );
    }
  }
  return mergeMaps(first, second);
}
