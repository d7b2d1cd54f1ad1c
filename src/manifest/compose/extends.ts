import { suggestion } from "../text/findings.js";
import type { Located, LocatedEntry, LocatedMap, Place } from "../text/located.js";
import { checkKeys } from "./keys.js";
import { mergeMaps } from "./merge.js";
import { parseFile } from "./parse-file.js";
import { pathOf, type Scope } from "./scope.js";
import { mapOf, textOf } from "./values.js";

/** The file with every service that extends another one written out. */
export async function extendServices(scope: Scope, root: LocatedMap, file: string): Promise<LocatedMap> {
  const services = mapOf(root.entries.get("services")?.value, "services", scope.findings);
  if (!services) return root;
  const files = new Map<string, LocatedMap>([[file, services]]);
  const entries = new Map<string, LocatedEntry>();
  for (const [name, entry] of services.entries) {
    entries.set(name, { ...entry, value: await extended(scope, files, file, name, entry.value, []) });
  }
  const section = root.entries.get("services");
  const replaced = { key: section?.key ?? root.place, value: { ...services, entries } };
  return { ...root, entries: new Map([...root.entries, ["services", replaced]]) };
}

async function extended(
  scope: Scope,
  files: Map<string, LocatedMap>,
  file: string,
  name: string,
  service: Located,
  above: readonly string[],
): Promise<Located> {
  const { findings } = scope;
  if (service.kind !== "map") return service;
  const wanted = service.entries.get("extends")?.value;
  if (!wanted) return service;
  const where = `services.${name}.extends`;
  const own = withoutKey(service, "extends");
  const way = [...above, `${file}#${name}`];
  const target = await targetOf(scope, file, wanted, where);
  if (!target) return own;
  if (way.includes(`${target.file}#${target.service}`)) {
    const circle = [...way, `${target.file}#${target.service}`].map((one) => one.split("#")[1]).join(" → ");
    findings.problem(wanted.place, `${where}: services extend each other in a circle: ${circle}`);
    return own;
  }
  const services = files.get(target.file) ?? (await servicesOf(scope, target.file, target.place));
  if (!services) return own;
  files.set(target.file, services);
  const found = services.entries.get(target.service)?.value;
  if (!found) {
    const others = [...services.entries.keys()].filter((other) => other !== name || target.file !== file);
    findings.problem(
      target.place,
      `${where}: found ${target.service}, which is no service of ${target.file}${suggestion(target.service, others, "its services")}`,
    );
    return own;
  }
  const base = await extended(scope, files, target.file, target.service, found, way);
  return base.kind === "map" ? mergeMaps(base, own) : own;
}

interface Target {
  readonly file: string;
  readonly service: string;
  readonly place: Place;
}

async function targetOf(
  scope: Scope,
  file: string,
  wanted: Located,
  where: string,
): Promise<Target | undefined> {
  const { findings } = scope;
  if (wanted.kind === "scalar") {
    const service = textOf(wanted, where, findings, "the name of a service");
    return service === undefined ? undefined : { file, service, place: wanted.place };
  }
  const map = mapOf(wanted, where, findings, "the name of a service, or {service, file}");
  if (!map) return undefined;
  checkKeys(map, where, { read: ["service", "file"] }, findings);
  const service = textOf(
    map.entries.get("service")?.value,
    `${where}.service`,
    findings,
    "the name of a service",
  );
  if (service === undefined)
    return void findings.problem(map.place, `${where}.service: is missing; accepted: the name of a service`);
  const other = map.entries.get("file")?.value;
  const text = textOf(other, `${where}.file`, findings, "a path");
  if (!other || text === undefined) return { file, service, place: map.place };
  const path = pathOf(scope, other, text, `${where}.file`);
  return path === undefined ? undefined : { file: path, service, place: other.place };
}

async function servicesOf(scope: Scope, file: string, asked: Place): Promise<LocatedMap | undefined> {
  const root = await parseFile(scope, file, asked);
  return root && mapOf(root.entries.get("services")?.value, "services", scope.findings);
}

function withoutKey(map: LocatedMap, key: string): LocatedMap {
  const entries = new Map(map.entries);
  entries.delete(key);
  return { ...map, entries };
}
