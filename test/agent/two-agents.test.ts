import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { BuildKitClient } from "../../src/buildkit/index.js";
import { type Ingress, startIngress } from "../../src/ingress/index.js";
import { createPerson, type Person } from "../cli/remote.js";
import { askUntil, dockerOf, serve } from "../preview/engine-docker.js";
import { makeCertificates } from "../support/certificates.js";
import { docker, engineEnv, labEngines } from "../support/engines.js";
import { standing } from "../support/standing.js";
import { manifest } from "./files.js";
import { type Deployment, type LocalAgent, leftOf, startWorld, type TestAgent, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;

/** Serves what the pull request says; two images, of which one is built and one is pulled. */
const site = (who: string) => ({
  "galley.yml": manifest({
    web: { kind: "web", build: {}, command: ["sh", "-c", serve(who)], expose: 8080 },
    aside: { image: "busybox:latest", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] },
  }),
  Dockerfile: `FROM busybox\nCOPY who /who\nRUN --mount=type=cache,id=${who},target=/m echo $(cat /who) | tee /m/made > /made\n`,
  who: `${who} ${Math.random()}\n`,
});

describe(`two agents at once, by a bus with TLS, on engine ${engine.name}`, () => {
  let world: World;
  let person: Person;
  let ingress: Ingress;
  let identities: TestAgent[];
  let agents: LocalAgent[];
  const stand = async () => {
    const folder = await mkdtemp(join(tmpdir(), "galley-two-"));
    const world = await startWorld(engine, { certificates: await makeCertificates(folder) });
    const person = createPerson({ GALLEY_URL: world.url, GALLEY_TOKEN: world.token });
    const identities: TestAgent[] = [];
    const agents: LocalAgent[] = [];
    for (const name of ["left", "right"]) {
      const identity = await world.agent(name);
      identities.push(identity);
      agents.push(await world.start(identity, { GALLEY_MAX_PARALLEL_BUILDS: "2" }));
    }
    const stopIngress = new AbortController();
    const ingress = await startIngress({
      docker: await dockerOf(engine),
      port: 0,
      usePublished: false,
      log: { info: () => {}, warn: () => {} },
      signal: stopIngress.signal,
    });
    const remove = async () => {
      stopIngress.abort();
      await ingress.closed;
      person.remove();
      await world.remove();
      await rm(folder, { recursive: true, force: true });
    };
    return { world, person, identities, agents, ingress, remove };
  };
  const standsNow = standing(stand, ({ remove }) => remove());
  beforeEach(async () => {
    ({ world, person, identities, agents, ingress } = await standsNow());
  });

  const prs = [1, 2, 3, 4];
  /** The world in which they are deployed: all tests need them, and a second try begins in a new world. */
  let deployedIn: World | undefined;
  const deployed = async () => {
    if (deployedIn === world) return;
    for (const pr of prs) world.push(pr, site(`pull-${pr}`));
    const urls = await Promise.all(
      prs.map((pr) => person.good(["deploy", world.project, "--pr", String(pr), "--follow"])),
    );
    for (const [index, url] of urls.entries())
      expect((await bodyOf(url.trim())).trim()).toBe(`pull-${prs[index]}`);
    deployedIn = world;
  };

  const bodyOf = async (url: string, wanted = 200) =>
    (await askUntil(ingress.port, new URL(url).host.replace(/:.*/, ""), ({ status }) => status === wanted))
      .body;
  const everything = async () => Promise.all(agents.map(async ({ id }) => (await leftOf(engine, id)).sort()));
  const imagesOf = async (agent: string) =>
    (await docker(engine, ["images", "-q", "--filter", `label=sh.galley.agent=${agent}`])).split("\n").sort();

  test("four pull requests that are deployed at once become four previews that answer, two on each agent", async () => {
    await deployed();
    const { deployments } = await world.call<{ deployments: (Deployment & { agent: string })[] }>(
      "GET",
      `/projects/${world.project}/deployments`,
    );
    const byAgent = agents.map(({ id }) => deployments.filter(({ agent }) => agent === id));
    expect(byAgent.map(({ length }) => length)).toEqual([2, 2]);
    expect(deployments.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
    // Two containers and a network each, and no subnet twice.
    expect((await everything()).map(({ length }) => length)).toEqual([6, 6]);
    const networks = deployments.map(({ environment }) => `galley-pv-${environment.id}`);
    const subnets = await docker(engine, [
      "network",
      "inspect",
      "--format",
      "{{range .IPAM.Config}}{{.Subnet}}{{end}}",
      ...networks,
    ]);
    expect(new Set(subnets.trim().split("\n")).size).toBe(4);
  });

  test("what one has kept is dropped through it, its records and images in the engine too, and nothing that the other has", async () => {
    await deployed();
    const [left, right] = agents as [LocalAgent, LocalAgent];
    const { deployments } = await world.call<{ deployments: (Deployment & { agent: string })[] }>(
      "GET",
      `/projects/${world.project}/deployments`,
    );
    // Each pull request's service has a mount of its own, which stays when its preview goes.
    const mountsOf = ({ id }: LocalAgent) => {
      const own = deployments.filter(({ agent }) => agent === id);
      return [...new Set(own.map(({ environment }) => environment.name.replace("pr-", "pull-")))];
    };
    const cache = async (...args: string[]) =>
      JSON.parse(await person.good(["cache", ...args, "--agent", identities[0]!.name, "--json"]));
    const buildkit = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
    try {
      const held = async (ids: readonly string[]) => {
        const all = (await buildkit.diskUsage()).map(({ description }) => description);
        return ids.filter((id) => all.some((text) => text.includes(`/${id}"`)));
      };
      const [ours, theirs] = [mountsOf(left), mountsOf(right)];
      // What is remembered of a build is written behind it.
      const remembered = async () =>
        (await cache("ls")).reduce((sum: number, { builds }: { builds: number }) => sum + builds, 0);
      await expect.poll(remembered, { timeout: 60_000, interval: 200 }).toBe(ours.length);
      // While a mount is stored it is in use, and stays.
      const stored = () => left.log.filter((line) => line.includes("stored a cache mount")).length;
      await expect.poll(stored, { timeout: 60_000 }).toBeGreaterThanOrEqual(ours.length);
      expect(await held([...ours, ...theirs])).toEqual([...ours, ...theirs]);
      const { images, engine: usage } = await cache("du");
      for (const bytes of [images.ours, images.others, usage.ourMounts]) expect(bytes).toBeGreaterThan(0);
      const theirImages = await imagesOf(right.id);
      const kinds = ["--kind", "record", "--kind", "image"];
      const told = await cache("prune", ...kinds, "--dry-run");
      const { removed } = await cache("prune", ...kinds);
      const namesOf = (all: readonly { name: string }[]) => all.map(({ name }) => name).sort();
      expect(namesOf(removed)).toEqual(namesOf(told.removed));
      const whatOf = (kind: string) =>
        removed.flatMap((one: { kind: string; what: string }) => (one.kind === kind ? [one.what] : []));
      expect(whatOf("record").sort()).toEqual([...ours].sort());
      // Containers need them.
      expect(whatOf("image")).toEqual([]);
      expect(await held(theirs)).toEqual(theirs);
      expect(await imagesOf(right.id)).toEqual(theirImages);
    } finally {
      buildkit.close();
    }
  });

  test("taking down what one has, and starting it anew, leaves all that the other has", async () => {
    await deployed();
    const { environments } = await world.call<{
      environments: { id: string; agent: string; url: string }[];
    }>("GET", "/environments");
    const [left, right] = agents as [LocalAgent, LocalAgent];
    const before = await leftOf(engine, right.id);
    const images = await imagesOf(right.id);
    expect(images.length).toBeGreaterThanOrEqual(2);
    const [gone, stays] = environments.filter(({ agent }) => agent === left.id);
    const { id } = await world.call<Deployment>("POST", `/environments/${gone!.id}/terminate`);
    expect(await world.ended(id)).toMatchObject({ state: "terminated" });
    await bodyOf(gone!.url, 404);
    await left.stop();
    agents[0] = await world.start(identities[0]!);
    // The whole of another one's project and engine is no business of the one that starts.
    await world.until(id, ({ final }) => final);
    expect((await leftOf(engine, left.id)).length).toBe(3);
    expect((await leftOf(engine, right.id)).sort()).toEqual(before.sort());
    const pruned = await person.good([
      "cache",
      "prune",
      "--kind",
      "image",
      "--agent",
      identities[0]!.name,
      "--json",
    ]);
    const removed: { kind: string }[] = JSON.parse(pruned).removed;
    // Where they have not gone with their preview.
    for (const { kind } of removed) expect(kind).toBe("image");
    expect(await imagesOf(right.id)).toEqual(images);
    for (const { url } of [stays!, ...environments.filter(({ agent }) => agent === right.id)])
      expect(await bodyOf(url)).toMatch(/^pull-/);
  });

  test("a deployment that one agent hands back when it is stopped is carried out by the other", async () => {
    const identity = identities[0]!;
    await agents[0]!.stop();
    await agents[1]!.stop();
    const first = await world.start(identity, { GALLEY_DRAIN_SECONDS: "0" });
    world.push(5, {
      ...site("pull-5"),
      Dockerfile: `FROM busybox\nCOPY who /who\nRUN echo begun; sleep 8\n`,
    });
    const { id, environment } = await world.deploy(5);
    await world.event(
      id,
      ({ type, lines }) => type === "step.log" && JSON.stringify(lines).includes("begun"),
    );
    agents[1] = await world.start(identities[1]!);
    await first.stop();
    expect(await world.ended(id)).toMatchObject({ state: "running", attempt: 2, agent: agents[1].id });
    // What the first one had begun of it goes when it is back.
    agents[0] = await world.start(identity);
    const rest = () =>
      docker(engine, [
        "ps",
        "-aq",
        "--filter",
        `label=sh.galley.agent=${first.id}`,
        "--filter",
        `label=sh.galley.environment=${environment.id}`,
      ]);
    await expect.poll(rest, { timeout: 60_000, interval: 200 }).toBe("");
  });
});
