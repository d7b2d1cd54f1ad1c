import { decode } from "../text/hostile.js";
import type { Located, LocatedMap, Place } from "../text/located.js";
import { escapeDollars } from "../text/template.js";
import { parseEnvFile } from "./dotenv.js";
import { checkKeys } from "./keys.js";
import { lookUpOf, pathOf, type Scope } from "./scope.js";
import { booleanOf, itemsOf, pairsOf, textOf } from "./values.js";

const name = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** `env_file` and over it `environment`, as templates. */
export async function environmentOf(
  scope: Scope,
  service: LocatedMap,
  where: string,
): Promise<Record<string, string>> {
  const { findings } = scope;
  const env = new Map<string, string>();
  const value = (key: string) => service.entries.get(key)?.value;
  for (const item of itemsOf(value("env_file"), `${where}.env_file`, findings, { single: true })) {
    for (const [key, text] of await fileOf(scope, item, `${where}.env_file`)) env.set(key, text);
  }
  for (const [key, { text, place }] of pairsOf(value("environment"), `${where}.environment`, findings)) {
    if (!name.test(key)) {
      findings.problem(
        place,
        `${where}.environment: found ${JSON.stringify(key)}; accepted: a name of letters, digits and _`,
      );
      continue;
    }
    const given = text ?? valueOfName(scope, key, place, `${where}.environment`);
    if (given === undefined) env.delete(key);
    else env.set(key, given);
  }
  return Object.fromEntries(env);
}

/** A name without a value has that of the project's variables; as a template. */
export function valueOfName(scope: Scope, key: string, place: Place, where: string): string | undefined {
  const found = lookUpOf(scope)(key);
  if (typeof found === "string") return escapeDollars(found);
  if (found) return "template" in found ? found.template : `\${${key}}`;
  scope.findings.warn(place, `${where}.${key} is left out: it has no value here, and the project has none`);
  return undefined;
}

async function fileOf(scope: Scope, item: Located, where: string): Promise<ReadonlyMap<string, string>> {
  const { findings, repository } = scope;
  const none = new Map<string, string>();
  const long = item.kind === "map" ? item : undefined;
  if (long) checkKeys(long, where, { read: ["path", "required", "format"] }, findings);
  const from = long ? long.entries.get("path")?.value : item;
  const text = textOf(from, where, findings, "a path");
  if (text === undefined || !from) return none;
  const required = booleanOf(long?.entries.get("required")?.value, `${where}.required`, findings) ?? true;
  const format = textOf(long?.entries.get("format")?.value, `${where}.format`, findings, "raw");
  const path = pathOf(scope, from, text, where);
  if (path === undefined) return none;
  const there = (await repository.modes([path])).has(path);
  if (!there && !required) return none;
  const bytes = await repository.get(path, findings, from.place);
  const content = bytes && decode(bytes, { file: path }, findings);
  return content === undefined
    ? none
    : parseEnvFile(content, path, lookUpOf(scope), findings, format === "raw");
}
