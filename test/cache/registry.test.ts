// Layers in a registry that wants a login: a second agent with nothing of its own starts warm, and a fork writes nothing.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { readBuildRecord } from "../../cache/build-record.js";
import { cachePlaces } from "../../cache/places.js";
import { listRegistryLayers } from "../../cache/registry-record.js";
import { layerRegistry } from "../../src/agent/layer-registry.js";
import { registryLogins } from "../../src/agent/registry-logins.js";
import { connectDocker, inspectImage } from "../../src/docker/index.js";
import { docker, type LabEngine, labRegistry, onEachEngine } from "../support/engines.js";
import { type CacheBuildOptions, type CacheWorld, cacheWorld, unique } from "./world.js";

const { auth: locked } = labRegistry();
const { signal } = new AbortController();
const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

const dockerOf = ({ dockerHost }: LabEngine) =>
  connectDocker({ socketPath: dockerHost.slice("unix://".length) });

/** An agent of its own, whose data directory is empty. */
async function agent(engine: LabEngine, prefix: string, fork = false): Promise<CacheWorld> {
  const { username, password } = locked;
  const logins = registryLogins({ [locked.host]: { username, password } }, async () => true, fork);
  const dataDirectory = await mkdtemp(join(tmpdir(), "galley-cache-registry-"));
  ending.push(() => rm(dataDirectory, { recursive: true, force: true }));
  const registry = layerRegistry(prefix, { docker: await dockerOf(engine), logins });
  // Nothing is stored here, so that what is warm is so by the registry.
  const world = await cacheWorld(engine, { dataDirectory, share: 0, registry, auth: logins.auth });
  ending.push(() => world.remove());
  return world;
}

async function built(world: CacheWorld, lines: string, options: CacheBuildOptions & { repoKey: string }) {
  const id = unique("b");
  await world.build(lines, { ...options, id });
  const { steps = [], registry } =
    (await readBuildRecord(cachePlaces(world.dataDirectory, options.repoKey).builds, id)) ?? {};
  const ran = steps.filter(({ cached, name }) => !cached && name.includes("RUN")).length;
  return { ran, given: (registry ?? []).map((ref) => ref.replace(/^.*:/, "")) };
}

async function tagsOf(repository: string): Promise<string[]> {
  const { username, password } = locked;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const answer = await fetch(`http://${locked.host}/v2/${repository}/tags/list`, {
    headers: { authorization },
  });
  return (((await answer.json()) as { tags?: string[] }).tags ?? []).sort();
}

onEachEngine(
  (engine) => {
    const all = engine.store === "containerd";
    const lines = (token: string) =>
      `RUN echo ${token} > /made\nRUN cat /made && : ${token}${all ? "\nFROM busybox\nCOPY --from=0 /made /made" : ""}`;

    test("A second agent takes from the registry what the first one has built; pull requests read the base's, forks too, and forks write nothing.", async () => {
      const token = unique("registry");
      const prefix = `${locked.host}/${token}`;
      const image = `galley-test/${token}:1`;
      ending.push(() => docker(engine, ["image", "rm", "--force", image]).catch(() => {}));
      const options = { repoKey: token, image };
      const first = await agent(engine, prefix);
      expect(await built(first, lines(token), options)).toEqual({ ran: 2, given: [] });
      expect(await tagsOf(`${token}/${token}`)).toEqual(["base.web"]);
      expect(await listRegistryLayers(cachePlaces(first.dataDirectory, token))).toMatchObject([
        { scope: "base", service: "web", mode: all ? "max" : "inline", ref: `${prefix}/${token}:base.web` },
      ]);
      // The engine has everything: nobody is asked, and nothing is pushed again.
      expect(await built(first, lines(token), options)).toEqual({ ran: 0, given: [] });
      if (!all) {
        // The name that it was pushed under is gone again.
        const { names } = (await inspectImage(await dockerOf(engine), image, signal)) ?? {};
        expect(names).toEqual([image]);
      }

      await first.forget(token);
      const fork = await agent(engine, prefix, true);
      const ofFork = { ...options, pr: 8, fork: true };
      expect(await built(fork, lines(token), ofFork)).toEqual({ ran: 0, given: ["base.web"] });
      expect(await tagsOf(`${token}/${token}`)).toEqual(["base.web"]);

      await first.forget(token);
      const second = await agent(engine, prefix);
      expect(await built(second, lines(token), { ...options, pr: 7 })).toEqual({
        ran: 0,
        given: ["base.web"],
      });
      expect(await tagsOf(`${token}/${token}`)).toEqual(["base.web", "pr-7.web"]);
      expect([...first.warnings, ...fork.warnings, ...second.warnings]).toEqual([]);
    });

    if (all)
      test("A registry that nobody answers at is a warning, and the build is as if there were none.", async () => {
        const token = unique("away");
        const world = await agent(engine, `127.0.0.1:9/${token}`);
        expect(await built(world, lines(token), { repoKey: token })).toEqual({ ran: 2, given: [] });
        expect(await built(world, lines(token), { repoKey: token })).toEqual({ ran: 0, given: [] });
        expect(world.warnings).toEqual([expect.stringMatching(/registry.*127\.0\.0\.1:9/)]);
      });
  },
  ({ name }) => ["28c", "20"].includes(name),
);
