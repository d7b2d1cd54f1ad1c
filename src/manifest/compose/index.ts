import type { ParsedFile } from "../galley/parse.js";
import type { Service } from "../manifest.js";
import type { ReadOptions } from "../read-options.js";
import type { BuildWish } from "../recognise/wish.js";
import type { Repository } from "../repository.js";
import type { Findings } from "../text/findings.js";
import { decode } from "../text/hostile.js";
import { keyPlace, type Located, type LocatedMap, placeAt } from "../text/located.js";
import { checkServices } from "../validate.js";
import { conform } from "./conform.js";
import { parseEnvFile } from "./dotenv.js";
import { checkKeys, type Keys, mountedFileKeys, networkKeys, volumeKeys } from "./keys.js";
import { loadFile } from "./load.js";
import { mergeMaps, withoutResets } from "./merge.js";
import type { Scope } from "./scope.js";
import { replicasOf, type Sections, serviceOf } from "./service.js";
import { specification } from "./specification.js";
import { itemsOf, mapOf, textOf } from "./values.js";
import { lookUpIn } from "./variables.js";

const mainNames = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];
const overrideNames = [
  "compose.override.yaml",
  "compose.override.yml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];
const serviceName = /^[a-z0-9][a-z0-9_-]{0,39}$/;
const mostServices = 50;

/** Reads the compose file of a repository, with its override file, as previews run it. Undefined where there is none. */
export async function readCompose(
  repository: Repository,
  findings: Findings,
  { variables: given = {}, secretNames }: ReadOptions,
): Promise<ParsedFile | undefined> {
  const modes = await repository.modes([...mainNames, ...overrideNames]);
  const [main, ...others] = mainNames.filter((name) => modes.has(name));
  if (main === undefined) return undefined;
  for (const file of others) findings.warn({ file }, `is left out, as there is ${main}`);
  const known = {
    given,
    files: [] as ReadonlyMap<string, string>[],
    secretNames: secretNames ?? [],
    secretsKnown: secretNames !== undefined,
  };
  const env = await repository.find(".env", findings);
  const text = env && decode(env, { file: ".env" }, findings);
  if (text !== undefined) known.files.push(parseEnvFile(text, ".env", lookUpIn(known), findings));
  const scope: Scope = { repository, findings, variables: known, directories: new Map() };
  let root = await loadFile(scope, main, { file: main }, []);
  const [override, ...more] = overrideNames.filter((name) => modes.has(name));
  for (const file of more) findings.warn({ file }, `is left out, as there is ${override}`);
  if (override !== undefined && root) {
    const above = await loadFile(scope, override, { file: override }, []);
    if (above) root = mergeMaps(root, above);
  }
  if (!root) return undefined;
  const whole = withoutResets(root);
  if (whole.kind !== "map") return undefined;
  const manifest = await manifestOf(scope, whole, main);
  // What reading it has told of already is told in better words, and once.
  conform(whole, specification, "", (place, message) => {
    if (!findings.hasProblemAt(place)) findings.problem(place, message);
  });
  return manifest;
}

async function manifestOf(scope: Scope, root: LocatedMap, file: string): Promise<ParsedFile | undefined> {
  const { findings } = scope;
  const section = (key: string) => mapOf(root.entries.get(key)?.value, key, findings);
  const declared = section("services");
  if (!declared || declared.entries.size === 0) {
    if (findings.failed) return undefined;
    return void findings.problem(
      declared?.place ?? { file },
      "services: found nothing; accepted: a map of services",
    );
  }
  if (declared.entries.size > mostServices) {
    return void findings.problem(
      declared.place,
      `services: found ${declared.entries.size}; accepted: at most ${mostServices}`,
    );
  }
  const sections: Sections = {
    volumes: section("volumes"),
    configs: section("configs"),
    secrets: section("secrets"),
    networks: section("networks"),
  };
  tellDeclared(sections.volumes, "volumes", volumeKeys, findings);
  tellDeclared(sections.networks, "networks", networkKeys, findings);
  for (const kind of ["configs", "secrets"] as const)
    tellDeclared(sections[kind], kind, mountedFileKeys, findings);
  const profiles = activeProfiles(scope);
  const services: Service[] = [];
  const wishes: BuildWish[] = [];
  const inactive = new Map<string, string>();
  for (const [name, { key, value }] of declared.entries) {
    if (!serviceName.test(name)) {
      findings.problem(key, `services: found ${name}; accepted: a name that matches ${serviceName.source}`);
      continue;
    }
    const map = mapOf(value, `services.${name}`, findings, "a map of what the service is");
    if (!map) {
      if (value.kind === "scalar")
        findings.problem(key, `services.${name}: has neither build nor image; accepted: one of them`);
      continue;
    }
    const own = profilesOf(map, name, findings);
    const off = own.length > 0 && !profiles.has("*") && !own.some((profile) => profiles.has(profile));
    if (off) inactive.set(name, `its profiles (${own.join(", ")}) are not in COMPOSE_PROFILES`);
    else if (replicasOf(scope, map, `services.${name}`) === 0) inactive.set(name, "it is to run zero times");
    if (inactive.has(name)) {
      findings.warn(key, `services.${name} is left out: ${inactive.get(name)}`);
      continue;
    }
    const service = await serviceOf(scope, name, map, sections);
    services.push(service);
    const build = map.entries.get("build")?.value;
    if (service.build && build) {
      const dockerfileGiven = build.kind === "map" && build.entries.has("dockerfile");
      wishes.push({ service: name, place: build.place, dockerfileGiven });
    }
  }
  const complete = services.map((service) =>
    withoutOptional(service, declared, services, inactive, findings),
  );
  const place = (name: string, needed: string) => {
    const at = placeAt(declared, [name, "depends_on"]);
    const list = declared.entries.get(name)?.value;
    const found = list?.kind === "map" ? list.entries.get("depends_on")?.value : undefined;
    if (found?.kind === "list")
      return found.items.find((item) => item.kind === "scalar" && item.text === needed)?.place ?? at;
    return keyPlace(found, needed) ?? at;
  };
  if (!findings.failed) checkServices(complete, place, findings);
  if (!complete.some(({ expose }) => expose !== undefined)) {
    findings.warn(declared.place, "no service has ports or expose, so that the preview gets no URL");
  }
  return { manifest: { services: complete, source: { kind: "compose", file } }, wishes };
}

/** Dependencies that are not required, and not there, are none; those on services that are left out cannot be fulfilled. */
function withoutOptional(
  service: Service,
  declared: LocatedMap,
  services: readonly Service[],
  inactive: ReadonlyMap<string, string>,
  findings: Findings,
): Service {
  const map = declared.entries.get(service.name)?.value;
  const section = map?.kind === "map" ? map.entries.get("depends_on")?.value : undefined;
  const dependsOn = service.dependsOn.filter(({ service: needed }) => {
    if (services.some(({ name }) => name === needed)) return true;
    const how: Located | undefined = section?.kind === "map" ? section.entries.get(needed)?.value : undefined;
    const required = how?.kind === "map" ? how.entries.get("required")?.value : undefined;
    if (required?.kind === "scalar" && required.text === "false") return false;
    const why = inactive.get(needed);
    if (why === undefined) return true;
    const place = keyPlace(section, needed) ?? section?.place ?? map?.place ?? { file: "" };
    findings.problem(place, `services.${service.name}.depends_on: ${needed} is left out, as ${why}`);
    return false;
  });
  return { ...service, dependsOn };
}

function activeProfiles(scope: Scope): ReadonlySet<string> {
  const text = lookUpIn(scope.variables)("COMPOSE_PROFILES");
  const named = typeof text === "string" ? text.split(",") : [];
  return new Set(named.map((name) => name.trim()).filter((name) => name !== ""));
}

function profilesOf(map: LocatedMap, name: string, findings: Findings): string[] {
  const where = `services.${name}.profiles`;
  return itemsOf(map.entries.get("profiles")?.value, where, findings).flatMap(
    (item) => textOf(item, where, findings, "the name of a profile") ?? [],
  );
}

/** What the file declares besides services, used or not. Volumes and networks of a preview are its own, whatever is said of them. */
function tellDeclared(
  declared: LocatedMap | undefined,
  section: string,
  keys: Keys,
  findings: Findings,
): void {
  for (const [name, { value }] of declared?.entries ?? []) {
    const map = mapOf(value, `${section}.${name}`, findings);
    if (map) checkKeys(map, `${section}.${name}`, keys, findings);
  }
}
