import type { Manifest, Service } from "./manifest.js";
import { recognisable, recognise } from "./recognise/index.js";
import type { BuildWish } from "./recognise/wish.js";
import { pathIn, type Repository } from "./repository.js";
import type { Findings } from "./text/findings.js";

/** Gives services whose tree has no Dockerfile one of their own, and says what cannot be built. */
export async function completeBuilds(
  manifest: Manifest,
  wishes: readonly BuildWish[],
  repository: Repository,
  findings: Findings,
): Promise<Manifest> {
  const wishOf = new Map(wishes.map((wish) => [wish.service, wish]));
  const services: Service[] = [];
  for (const service of manifest.services) {
    const wish = wishOf.get(service.name);
    const complete = wish && service.build?.generated === undefined;
    services.push(complete ? await completeBuild(service, wish, repository, findings) : service);
  }
  return { ...manifest, services };
}

async function completeBuild(
  service: Service,
  wish: BuildWish,
  repository: Repository,
  findings: Findings,
): Promise<Service> {
  const { build } = service;
  const directory = build && pathIn("", build.path);
  const file = directory === undefined || !build ? undefined : pathIn(directory, build.dockerfile);
  if (!build || directory === undefined || file === undefined) return service;
  const at = `services.${service.name}.build`;
  const parts = (path: string) => path.split("/").map((_, index, all) => all.slice(0, index + 1).join("/"));
  const above = [...new Set([...parts(directory), ...parts(file)])].filter((path) => path !== "");
  const modes = await repository.modes(above);
  const modeOf = (path: string) => (path === "" ? "040000" : modes.get(path)?.mode);
  // What a submodule has is not known before it is fetched.
  if (above.some((path) => modeOf(path) === "160000")) return service;
  const link = above.find((path) => modeOf(path) === "120000");
  if (link !== undefined && link !== file) {
    findings.problem(
      wish.place,
      `${at}: ${link} is a symbolic link, which is not followed; accepted: a directory of the repository`,
    );
    return service;
  }
  if (modeOf(directory) !== "040000") {
    findings.problem(wish.place, `${at}.path: the commit has no directory ${directory}`);
    return service;
  }
  if (modeOf(file) !== undefined) {
    if (wish.command !== undefined || wish.start) {
      findings.warn(wish.place, `${at}: command and start are left out, as there is a Dockerfile (${file})`);
    }
    return service;
  }
  const nothing = `the commit has no ${file}`;
  if (wish.dockerfileGiven) {
    findings.problem(wish.place, `${at}.dockerfile: ${nothing}`);
    return service;
  }
  const found = await recognise(repository, directory, wish, findings);
  if (found === undefined || typeof found === "string") {
    const why = found === undefined ? "no language is recognised there" : found;
    findings.problem(wish.place, `${at}: ${nothing}, and ${why}; accepted: a Dockerfile, ${recognisable}`);
    return service;
  }
  findings.warn(wish.place, `${at}: ${nothing}; one is written for ${found.language}`);
  return {
    ...service,
    expose: service.expose ?? found.port,
    build: { ...build, generated: found.dockerfile },
  };
}
