import { kindOf } from "../kinds.js";
import type { Dependency, Hook, Manifest, Service } from "../manifest.js";
import type { BuildWish } from "../recognise/wish.js";
import type { Findings } from "../text/findings.js";
import { keyPlace, type Located, placeAt, valueAt } from "../text/located.js";
import { parseYaml } from "../text/yaml.js";
import { bytesOf, secondsOf } from "../units.js";
import { checkHooks, checkServices } from "../validate.js";
import { tellIssues } from "./issues.js";
import { type GalleyFile, type GalleyService, galleySchema } from "./schema.js";

/** A file's manifest, and what its builds want where the tree has no Dockerfile. */
export interface ParsedFile {
  readonly manifest: Manifest;
  readonly wishes: readonly BuildWish[];
}

/** Reads the text of a `galley.yml` (version 1). What is wrong with it goes to `findings`; then undefined. */
export function parseGalleyYml(
  source: Uint8Array | string,
  file: string,
  findings: Findings,
): ParsedFile | undefined {
  const root = parseYaml(source, file, findings);
  if (findings.failed) return undefined;
  if (root?.kind !== "map") {
    const found = root === undefined ? "nothing" : "no map";
    return void findings.problem(
      root?.place ?? { file, line: 1, column: 1 },
      `found ${found}; accepted: a map with version and services`,
    );
  }
  const result = galleySchema.safeParse(withTexts(root));
  if (!result.success) return void tellIssues(result.error.issues, root, findings);
  const { services, on_create, on_deploy } = result.data;
  const wishes: BuildWish[] = [];
  const read = Object.entries(services).map(([name, service]) => {
    if (service.build) wishes.push(wishOf(name, service, root));
    return serviceOf(name, service, root, findings);
  });
  const manifest: Manifest = {
    services: read,
    source: { kind: "galley", file },
    onCreate: hooksOf(on_create),
    onDeploy: hooksOf(on_deploy),
  };
  const place = (name: string) => placeAt(root, ["services", name, "depends_on"]);
  checkServices(read, place, findings);
  for (const key of ["on_create", "on_deploy"] as const) {
    const hooks = key === "on_create" ? manifest.onCreate : manifest.onDeploy;
    const at = (index: number) =>
      placeAt(root, Array.isArray(result.data[key]) ? [key, index, "service"] : [key, "service"]);
    checkHooks(hooks ?? [], read, at, findings);
  }
  return { manifest, wishes };
}

/** Numbers of texts keep how they are written: `1.10` is no `1.1`. */
function withTexts(located: Located, inTexts = false): unknown {
  if (located.kind === "scalar")
    return inTexts && typeof located.value === "number" ? located.text : located.value;
  if (located.kind === "list") return located.items.map((item) => withTexts(item, inTexts));
  const textual = new Set(["env", "args", "command", "start"]);
  return Object.fromEntries(
    [...located.entries].map(([key, { value }]) => [
      key,
      withTexts(value, inTexts || (textual.has(key) && value.kind !== "scalar")),
    ]),
  );
}

function serviceOf(name: string, service: GalleyService, root: Located, findings: Findings): Service {
  const { build, image, health } = service;
  const at = (...path: string[]) => placeAt(root, ["services", name, ...path]);
  const here = keyPlace(valueAt(root, ["services"]), name) ?? at();
  if (!build && image === undefined)
    findings.problem(here, `services.${name}: has neither build nor image; accepted: one of them`);
  if (build && image !== undefined) {
    findings.warn(
      at("image"),
      `services.${name}: has build and image; it is built, and the image is left out`,
    );
  }
  if (build && service.pull_policy !== undefined)
    findings.warn(at("pull_policy"), `services.${name}.pull_policy is left out: the image is built`);
  if (health && service.expose === undefined) {
    findings.problem(
      at("health"),
      `services.${name}.health: needs the port to ask; accepted: expose beside it`,
    );
  }
  const kind = service.kind ?? (build ? undefined : kindOf(image ?? ""));
  if (service.kind === undefined) {
    const why = kind ? `taken for ${kind} from its image` : "taken for other, as nothing tells what it is";
    findings.warn(here, `services.${name}.kind is absent: ${why}`);
  }
  const { cpus, memory } = service.resources ?? {};
  return {
    name,
    kind: kind ?? "other",
    build: build && {
      path: build.path ?? ".",
      dockerfile: build.dockerfile ?? "Dockerfile",
      target: build.target,
      args: textsOf(build.args),
      secrets: build.secrets ?? [],
    },
    image: build ? undefined : image,
    pullPolicy: build ? undefined : service.pull_policy,
    command: commandOf(service.command),
    expose: service.expose,
    env: textsOf(service.env),
    secrets: service.secrets ?? [],
    dependsOn: dependenciesOf(service.depends_on),
    restart: service.restart === false ? "no" : service.restart,
    ephemeral: service.ephemeral,
    volumes: service.volumes?.map((volume) =>
      typeof volume === "string"
        ? { target: volume, readOnly: false }
        : { name: volume.name, target: volume.target, readOnly: volume.read_only ?? false },
    ),
    health: health && {
      path: health.path,
      status: health.status ?? 200,
      timeoutSeconds: secondsIn(health.timeout, 60),
    },
    resources: service.resources && {
      cpus: cpus === undefined ? undefined : Number(cpus),
      memory: memory === undefined ? undefined : bytesOf(String(memory)),
    },
  };
}

function wishOf(name: string, { build }: GalleyService, root: Located): BuildWish {
  return {
    service: name,
    place: placeAt(root, ["services", name, "build"]),
    dockerfileGiven: build?.dockerfile !== undefined,
    command: lineOf(build?.command),
    start: commandOf(build?.start),
  };
}

const textsOf = (texts: Readonly<Record<string, string | number | boolean>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, String(value)]));

/** A line is the shell's; words are run as they are. */
function commandOf(command: GalleyService["command"]): readonly string[] | undefined {
  if (command === undefined) return undefined;
  return typeof command === "string" ? ["/bin/sh", "-c", command] : command.map(String);
}

function lineOf(command: GalleyService["command"]): string | undefined {
  if (command === undefined || typeof command === "string") return command;
  return command.map((word) => `'${String(word).replaceAll("'", `'\\''`)}'`).join(" ");
}

function dependenciesOf(needed: GalleyService["depends_on"]): Dependency[] {
  if (needed === undefined) return [];
  if (Array.isArray(needed)) return [...new Set(needed)].map((service) => ({ service, until: "healthy" }));
  return Object.entries(needed).map(([service, how]) => {
    const condition = how?.condition ?? "healthy";
    const until = condition.includes("completed")
      ? "completed"
      : condition.includes("started")
        ? "started"
        : "healthy";
    return { service, until };
  });
}

function hooksOf(hooks: GalleyFile["on_create"]): readonly Hook[] | undefined {
  if (hooks === undefined) return undefined;
  return [hooks].flat().map(({ service, command, timeout }) => ({
    service,
    command: commandOf(command) ?? [],
    timeoutSeconds: secondsIn(timeout, 600),
  }));
}

function secondsIn(duration: string | number | undefined, without: number): number {
  if (duration === undefined) return without;
  return typeof duration === "number" ? duration : Math.ceil(secondsOf(duration) ?? without);
}
