import type { ServiceBuild } from "../manifest.js";
import type { Located, LocatedMap } from "../text/located.js";
import { literalText } from "../text/template.js";
import { valueOfName } from "./environment.js";
import { buildKeys, checkKeys } from "./keys.js";
import { pathOf, type Scope } from "./scope.js";
import { itemsOf, mapOf, pairsOf, textOf } from "./values.js";

/** `build` of a service. */
export function buildOf(
  scope: Scope,
  located: Located | undefined,
  declaredSecrets: LocatedMap | undefined,
  where: string,
): ServiceBuild | undefined {
  const { findings } = scope;
  const map =
    located?.kind === "scalar" && located.value !== null
      ? undefined
      : mapOf(located, where, findings, "a path, or a map with context");
  if (map) checkKeys(map, where, buildKeys, findings);
  const value = (key: string) => map?.entries.get(key)?.value;
  const context = map ? value("context") : located;
  if (!located || (located.kind === "scalar" && located.value === null)) return undefined;
  const text = textOf(context, `${where}.context`, findings, "a path inside the repository") ?? ".";
  if (/^(?:[a-z][a-z0-9+.-]*:\/\/|git@|github\.com\/)/i.test(text)) {
    return void findings.problem(
      (context ?? located).place,
      `${where}.context: found ${JSON.stringify(text)}; accepted: a path inside the repository`,
    );
  }
  const path = pathOf(scope, context ?? located, text, `${where}.context`);
  const dockerfile = value("dockerfile");
  const name =
    textOf(dockerfile, `${where}.dockerfile`, findings, "a path inside the build's context") ?? "Dockerfile";
  if (dockerfile && (name.startsWith("/") || name.split("/").includes(".."))) {
    findings.problem(
      dockerfile.place,
      `${where}.dockerfile: found ${JSON.stringify(name)}; accepted: a path inside the build's context`,
    );
  }
  const inline = value("dockerfile_inline");
  const generated = textOf(inline, `${where}.dockerfile_inline`, findings, "the text of a Dockerfile");
  if (inline && dockerfile)
    findings.problem(inline.place, `${where}: has dockerfile and dockerfile_inline; accepted: one of them`);
  if (path === undefined) return undefined;
  const args: Record<string, string> = {};
  for (const [arg, { text: given, place }] of pairsOf(value("args"), `${where}.args`, findings)) {
    const found = given ?? valueOfName(scope, arg, place, `${where}.args`);
    if (found !== undefined) args[arg] = found;
  }
  return {
    path: path === "" ? "." : path,
    dockerfile: name.replace(/^\.\//, ""),
    ...(generated === undefined ? {} : { generated }),
    target: textOf(value("target"), `${where}.target`, findings, "the name of a stage"),
    args,
    secrets: secretsOf(scope, value("secrets"), declaredSecrets, `${where}.secrets`),
  };
}

/** Secrets of a build are the project's, by their ids: a value of a file would be no secret any more. */
function secretsOf(
  { findings, variables }: Scope,
  located: Located | undefined,
  declared: LocatedMap | undefined,
  where: string,
): readonly string[] {
  const ids: string[] = [];
  for (const item of itemsOf(located, where, findings)) {
    const long = item.kind === "map" ? item : undefined;
    const source = textOf(long ? long.entries.get("source")?.value : item, where, findings, "a name");
    if (source === undefined) continue;
    const declaration = declared?.entries.get(source)?.value;
    const environment =
      declaration?.kind === "map" ? declaration.entries.get("environment")?.value : undefined;
    const named = environment?.kind === "scalar" ? (literalText(environment.text) ?? source) : source;
    const known = [named, source, source.toUpperCase().replaceAll("-", "_")];
    const id = known.find((one) => variables.secretNames.includes(one)) ?? named;
    if (id !== source)
      findings.warn(
        item.place,
        `${where}: the build gets the project's secret ${id} under that id, not as ${source}`,
      );
    ids.push(id);
  }
  return ids;
}
