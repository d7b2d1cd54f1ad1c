import { kindOf } from "../kinds.js";
import {
  type Dependency,
  type PullPolicy,
  pullPolicies,
  type RestartPolicy,
  restartPolicies,
  type Service,
  type ServiceKind,
} from "../manifest.js";
import { suggestion } from "../text/findings.js";
import type { Located, LocatedMap, Place } from "../text/located.js";
import { bytesOf } from "../units.js";
import { buildOf } from "./build.js";
import { environmentOf } from "./environment.js";
import { healthCheckOf } from "./health.js";
import { checkKeys, deployKeys, serviceKeys } from "./keys.js";
import { mountedFiles } from "./mounted-files.js";
import { portsOf, type ServicePorts } from "./ports.js";
import type { Scope } from "./scope.js";
import { itemsOf, mapOf, meantBy, templateOf, textOf } from "./values.js";
import { mountsOf } from "./volumes.js";
import { splitWords } from "./words.js";

/** The sections of a file that services refer to. */
export interface Sections {
  readonly volumes: LocatedMap | undefined;
  readonly configs: LocatedMap | undefined;
  readonly secrets: LocatedMap | undefined;
  readonly networks: LocatedMap | undefined;
}

/** One service of a compose file. */
export async function serviceOf(
  scope: Scope,
  name: string,
  map: LocatedMap,
  sections: Sections,
): Promise<Service> {
  const { findings } = scope;
  const where = `services.${name}`;
  checkKeys(map, where, serviceKeys, findings);
  const value = (key: string) => map.entries.get(key)?.value;
  const build = buildOf(scope, value("build"), sections.secrets, `${where}.build`);
  const image = templateOf(value("image"), `${where}.image`, findings, "the name of an image");
  if (!value("build") && image === undefined) {
    findings.problem(map.place, `${where}: has neither build nor image; accepted: one of them`);
  }
  tellNetworks(scope, value("networks"), sections.networks, where);
  const ports = portsOf(scope, map.entries, where);
  const { volumes, files } = await mountsOf(scope, value("volumes"), sections.volumes, `${where}.volumes`);
  const own = [
    ...files,
    ...(await mountedFiles(scope, "configs", value("configs"), sections.configs, `${where}.configs`)),
    ...(await mountedFiles(scope, "secrets", value("secrets"), sections.secrets, `${where}.secrets`)),
  ];
  const deploy = mapOf(value("deploy"), `${where}.deploy`, findings);
  if (deploy) checkKeys(deploy, `${where}.deploy`, deployKeys, findings);
  const expose = ports.published[0] ?? ports.exposed[0];
  if (ports.published.length > 1) {
    findings.warn(
      value("ports")?.place ?? map.place,
      `${where}.ports: no URL leads to ${ports.published.slice(1).join(", ")}, as a service exposes one port: ${expose}`,
    );
  }
  return {
    name,
    kind: kindOfService(build ? undefined : image, ports),
    build,
    image: build ? undefined : image,
    pullPolicy: pullPolicyOf(scope, value("pull_policy"), build !== undefined, `${where}.pull_policy`),
    entrypoint: wordsOf(scope, value("entrypoint"), `${where}.entrypoint`),
    command: wordsOf(scope, value("command"), `${where}.command`),
    workingDirectory: textOf(value("working_dir"), `${where}.working_dir`, findings, "an absolute path"),
    user: textOf(value("user"), `${where}.user`, findings, "a user"),
    expose,
    env: await environmentOf(scope, map, where),
    dependsOn: dependenciesOf(scope, map, where),
    restart: restartOf(scope, value("restart"), deploy, where),
    volumes: volumes.length > 0 ? volumes : undefined,
    files: own.length > 0 ? own : undefined,
    healthCheck: healthCheckOf(scope, value("healthcheck"), `${where}.healthcheck`),
    resources: resourcesOf(scope, map, deploy, where),
  };
}

/** How often is daily and the like is once more than asked for: what has not changed is not pulled again. */
function pullPolicyOf(
  { findings }: Scope,
  located: Located | undefined,
  built: boolean,
  where: string,
): PullPolicy | undefined {
  const read = (text: string): PullPolicy | "build" | undefined => {
    if (text === "build") return "build";
    if (text === "if_not_present") return "missing";
    if (/^(?:daily|weekly|every_\w{1,30})$/.test(text)) return "always";
    return pullPolicies.find((policy) => policy === text);
  };
  const accepted = `${pullPolicies.join(", ")}, if_not_present, daily, weekly, every_<duration>, build`;
  const policy = meantBy(located, where, findings, read, accepted);
  if (policy === "build" && !built && located)
    findings.problem(
      located.place,
      `${where}: found build, and the service has none; accepted: ${pullPolicies.join(", ")}`,
    );
  else if (policy !== undefined && policy !== "build" && built && located)
    findings.warn(located.place, `${where} is left out: the image is built`);
  return policy === "build" || built ? undefined : policy;
}

/** What its image is known for; else what is published is for visitors, what is exposed for other services. */
function kindOfService(image: string | undefined, { published, exposed }: ServicePorts): ServiceKind {
  const known = image === undefined ? undefined : kindOf(image);
  if (known !== undefined) return known;
  if (published.length > 0) return "web";
  return exposed.length > 0 ? "api" : "other";
}

function wordsOf(
  { findings }: Scope,
  located: Located | undefined,
  where: string,
): readonly string[] | undefined {
  if (!located) return undefined;
  if (located.kind === "list") {
    const words = located.items.map((item) => templateOf(item, where, findings) ?? "");
    return words.length > 0 ? words : undefined;
  }
  const line = templateOf(located, where, findings, "a line, or a list of words");
  const words = line === undefined ? [] : splitWords(line);
  if (!words)
    findings.problem(
      located.place,
      `${where}: found a quote that nothing closes; accepted: a line, or a list of words`,
    );
  return words && words.length > 0 ? words : undefined;
}

const conditions: Readonly<Record<string, Dependency["until"]>> = {
  service_started: "started",
  service_healthy: "healthy",
  service_completed_successfully: "completed",
};

/** `depends_on`, and `links`, which mean as much. */
function dependenciesOf({ findings }: Scope, map: LocatedMap, where: string): Dependency[] {
  const needed = new Map<string, Dependency>();
  for (const item of itemsOf(map.entries.get("links")?.value, `${where}.links`, findings)) {
    const [service = "", alias] = (textOf(item, `${where}.links`, findings, "a service") ?? "").split(":");
    if (service === "") continue;
    needed.set(service, { service, until: "started" });
    if (alias !== undefined && alias !== service) {
      findings.warn(
        item.place,
        `${where}.links: the name ${alias} is left out; ${service} is reached by its own name`,
      );
    }
  }
  const at = `${where}.depends_on`;
  const located = map.entries.get("depends_on")?.value;
  if (located?.kind === "map") {
    for (const [service, { value }] of located.entries) {
      const how = mapOf(value, `${at}.${service}`, findings, "a map with condition");
      if (how)
        checkKeys(
          how,
          `${at}.${service}`,
          { read: ["condition", "required"], leftOut: { restart: "" } },
          findings,
        );
      const read = (text: string) => (Object.hasOwn(conditions, text) ? conditions[text] : undefined);
      const until = meantBy(
        how?.entries.get("condition")?.value,
        `${at}.${service}.condition`,
        findings,
        read,
        Object.keys(conditions).join(", "),
      );
      needed.set(service, { service, until: until ?? "started" });
    }
  } else {
    for (const item of itemsOf(located, at, findings, { accepted: "a list or a map of services" })) {
      const service = textOf(item, at, findings, "the name of a service");
      if (service !== undefined) needed.set(service, { service, until: "started" });
    }
  }
  return [...needed.values()];
}

function restartOf(
  { findings }: Scope,
  located: Located | undefined,
  deploy: LocatedMap | undefined,
  where: string,
): RestartPolicy | undefined {
  const policy = mapOf(
    deploy?.entries.get("restart_policy")?.value,
    `${where}.deploy.restart_policy`,
    findings,
  );
  const read = (text: string): RestartPolicy | undefined => {
    const word = text === "false" ? "no" : text.replace(/^on-failure:\d+$/, "on-failure");
    return restartPolicies.find((one) => one === word);
  };
  const own = meantBy(located, `${where}.restart`, findings, read, restartPolicies.join(", "));
  if (own !== undefined || !policy) return own;
  const names: Readonly<Record<string, RestartPolicy>> = {
    none: "no",
    any: "always",
    "on-failure": "on-failure",
  };
  const named = (text: string) => (Object.hasOwn(names, text) ? names[text] : undefined);
  return meantBy(
    policy.entries.get("condition")?.value,
    `${where}.deploy.restart_policy.condition`,
    findings,
    named,
    Object.keys(names).join(", "),
  );
}

function resourcesOf(
  { findings }: Scope,
  map: LocatedMap,
  deploy: LocatedMap | undefined,
  where: string,
): Service["resources"] {
  const at = `${where}.deploy.resources`;
  const resources = mapOf(deploy?.entries.get("resources")?.value, at, findings);
  if (resources) checkKeys(resources, at, { read: ["limits"], leftOut: { reservations: "" } }, findings);
  const limits = mapOf(resources?.entries.get("limits")?.value, `${at}.limits`, findings);
  if (limits)
    checkKeys(
      limits,
      `${at}.limits`,
      { read: ["cpus", "memory"], leftOut: { pids: "previews have a limit of their own" } },
      findings,
    );
  const number = (text: string) =>
    /^\d{1,3}(?:\.\d+)?$/.test(text) && Number(text) > 0 ? Number(text) : undefined;
  const cpus = meantBy(
    limits?.entries.get("cpus")?.value ?? map.entries.get("cpus")?.value,
    `${where}.cpus`,
    findings,
    number,
    "a number of CPUs such as 0.5",
  );
  const memory = meantBy(
    limits?.entries.get("memory")?.value ?? map.entries.get("mem_limit")?.value,
    `${where}.mem_limit`,
    findings,
    bytesOf,
    "bytes such as 512m",
  );
  return cpus === undefined && memory === undefined ? undefined : { cpus, memory };
}

/** All services of a preview share one network, where each is reached by its name. */
function tellNetworks(
  { findings }: Scope,
  located: Located | undefined,
  declared: LocatedMap | undefined,
  where: string,
): void {
  const check = (name: string, place: Place) => {
    const known = ["default", ...(declared?.entries.keys() ?? [])];
    if (known.includes(name) || name.includes("$")) return;
    findings.problem(
      place,
      `${where}.networks: found ${name}, which is not in the file's networks${suggestion(name, known)}`,
    );
  };
  if (located?.kind !== "map") {
    for (const item of itemsOf(located, `${where}.networks`, findings))
      check(textOf(item, `${where}.networks`, findings, "the name of a network") ?? "default", item.place);
    return;
  }
  for (const [network, { key: named, value }] of located.entries) {
    check(network, named);
    if (value.kind !== "map") continue;
    for (const [key, { key: place }] of value.entries) {
      findings.warn(
        place,
        `${where}.networks.${network}.${key} is left out: services share one network and are reached by their names`,
      );
    }
  }
}

/** Copies of a service that a file asks for; a word for what is none. */
export function replicasOf({ findings }: Scope, map: LocatedMap, where: string): number {
  const deploy = map.entries.get("deploy")?.value;
  const inDeploy = deploy?.kind === "map" ? deploy.entries.get("replicas")?.value : undefined;
  const located = map.entries.get("scale")?.value ?? inDeploy;
  const read = (text: string) => (/^\d{1,4}$/.test(text) ? Number(text) : undefined);
  const count = meantBy(located, `${where}.scale`, findings, read, "a whole number") ?? 1;
  if (located && count > 1) findings.warn(located.place, `${where}: runs once instead of ${count} times`);
  return count;
}
