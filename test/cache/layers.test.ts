import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { readBuildRecord } from "../../cache/build-record.js";
import { listStoredLayers, removeStoredLayers } from "../../cache/layer-store.js";
import { cachePlaces } from "../../cache/places.js";
import { onEachEngine } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { smallDisk } from "./small-disk.js";
import { type CacheBuildOptions, type CacheWorld, cacheWorld, unique } from "./world.js";

onEachEngine(
  (engine) => {
    let world: CacheWorld;
    beforeAll(async () => {
      world = await cacheWorld(engine);
    });
    afterAll(async () => {
      await world.remove();
    });
    // Each test, and each try of it, by itself.
    beforeEach(() => void world.warnings.splice(0));
    /** One step before the files of the context, one after, and a last stage that takes nothing of the latter. */
    const dockerfile = (token: string) =>
      [
        `RUN echo ${token} > /made`,
        `COPY file /${token}`,
        `RUN cat /${token} > /intermediate && echo ${token}`,
        "FROM busybox",
        `COPY --from=0 /intermediate /${token}`,
        `RUN echo last ${token}`,
      ].join("\n");
    const build = async (token: string, options: CacheBuildOptions & { file?: string } = {}) => {
      const id = unique("b");
      const { file = "one", repoKey = "repo-a" } = options;
      await world.build(dockerfile(token), { ...options, files: { file }, id });
      const { steps = [], layers } =
        (await readBuildRecord(cachePlaces(world.dataDirectory, repoKey).builds, id)) ?? {};
      return { ran: steps.filter(({ cached }) => !cached).length, of: steps.length, layers };
    };
    const all = 5;

    test("What an engine has forgotten comes from stored layers, and what it still has does not.", async () => {
      const token = unique("layers");
      expect(await build(token)).toEqual({ ran: all, of: all, layers: [] });
      // Still there: nothing is imported.
      expect(await build(token)).toEqual({ ran: 0, of: all, layers: [] });
      expect(await world.forget(token)).toBe(all);
      // With the files of the context changed, what stands before them is cached all the same.
      expect(await build(token, { file: "other" })).toEqual({ ran: all - 1, of: all, layers: ["base"] });
      await world.forget(token);
      expect(await build(token, { file: "other" })).toEqual({ ran: 0, of: all, layers: ["base"] });
      expect(world.warnings).toEqual([]);
    });

    test("Pull requests read the base's layers and keep their own; other repositories see neither.", async () => {
      const token = unique("scopes");
      const repoKey = unique("repo");
      const places = cachePlaces(world.dataDirectory, repoKey);
      await build(token, { repoKey });
      // Of steps without cache mounts and secrets a fork takes what the base has made.
      expect(await build(token, { repoKey, pr: 8, fork: true })).toMatchObject({ ran: 0 });
      await world.forget(token);
      expect(await build(token, { repoKey, pr: 7, fork: true, file: "poison" })).toMatchObject({
        ran: all - 1,
        layers: ["base"],
      });
      const kept = ["base", "fork-pr-7", "fork-pr-8"];
      expect((await listStoredLayers(places)).map(({ scope }) => scope)).toEqual(kept);
      await world.forget(token);
      expect(await build(token, { repoKey: unique("repo") })).toMatchObject({ ran: all, layers: [] });
      // What nothing is made of any more goes, and no more than that.
      let freed = 0;
      for (const one of await listStoredLayers(places))
        freed += (await removeStoredLayers(places, one, new AbortController().signal)) ?? 0;
      expect(freed).toBeGreaterThan(0);
      expect(await readdir(join(places.layers, "blobs/sha256"))).toEqual([]);
    });

    test("A fork whose steps have cache mounts of its own is as warm the second time as anybody, pruned engine or not.", async () => {
      const token = unique("warm");
      const own = { repoKey: unique("repo") };
      const fork = { ...own, pr: 7, fork: true };
      const lines = [
        `RUN echo ${token} > /first`,
        `RUN --mount=type=cache,id=${token},target=/m : ${token}; echo kept > /m/file; cp /m/file /second`,
        `RUN cat /first /second && : ${token}`,
      ].join("\n");
      const ran = async (who: CacheBuildOptions) => {
        const id = unique("b");
        await world.build(lines, { ...who, id });
        const { builds } = cachePlaces(world.dataDirectory, own.repoKey);
        const { steps = [] } = (await readBuildRecord(builds, id)) ?? {};
        return { ran: steps.filter(({ cached }) => !cached).length, of: steps.length };
      };
      expect(await ran(own)).toEqual({ ran: 3, of: 3 });
      // What stands before the mount is the base's.
      expect(await ran(fork)).toEqual({ ran: 2, of: 3 });
      expect(await ran(fork)).toEqual({ ran: 0, of: 3 });
      await world.forget(token);
      expect(await ran(fork)).toEqual({ ran: 0, of: 3 });
      expect(world.warnings).toEqual([]);
    });

    test("Services of one commit that are built at once all keep their layers, and are given them when the engine has lost them, though they share steps.", async () => {
      const token = unique("services");
      const repoKey = unique("repo");
      const lines = (service: string) =>
        [
          `RUN echo ${token} > /made`,
          "COPY file /file",
          `RUN cat /file > /shared && : ${token}`,
          `RUN echo ${service} ${token}`,
          "FROM busybox",
          `COPY --from=0 /shared /${service}-${token}`,
          `RUN echo last ${service} ${token}`,
        ].join("\n");
      const services = ["api", "web", "worker"];
      const { builds, ...places } = cachePlaces(world.dataDirectory, repoKey);
      const round = async (of: readonly string[]) =>
        await Promise.all(
          of.map(async (service) => {
            const id = unique("b");
            await world.build(lines(service), { repoKey, service, id, files: { file: token } });
            return (await readBuildRecord(builds, id))?.layers;
          }),
        );
      const stored = async () =>
        (await listStoredLayers({ ...places, builds })).map(({ service }) => service);
      expect(await round(services)).toEqual([[], [], []]);
      expect(world.warnings).toEqual([]);
      expect(await stored()).toEqual(services);
      await world.forget(token);
      // One is new, and takes what it shares with the others from what they are given.
      const more = [...services, "zero"];
      expect(await round(more)).toEqual([["base"], ["base"], ["base"], []]);
      expect(world.warnings).toEqual([]);
      expect(await stored()).toEqual(more);
    });

    test("An engine on which something else was pruned, and that finds what it has no more, is given its layers after the first build that noticed.", async () => {
      const repoKey = unique("repo");
      const [one, two, other] = [unique("one"), unique("two"), unique("other")];
      await build(one, { repoKey, service: "one" });
      await build(two, { repoKey, service: "two" });
      await world.build(`RUN echo ${other}`, { repoKey: other });
      expect(await world.forget(other)).toBeGreaterThan(0);
      // BuildKit has all records of it.
      expect(await build(one, { repoKey, service: "one" })).toMatchObject({ layers: [] });
      expect(await build(two, { repoKey, service: "two" })).toEqual({ ran: 0, of: all, layers: ["base"] });
      expect(world.warnings).toEqual([]);
    });

    test("What is pruned from here costs no build its steps.", async () => {
      const repoKey = unique("repo");
      const token = unique("own");
      await build(token, { repoKey });
      const other = unique("other");
      await world.build(`RUN --mount=type=cache,id=${other},target=/m echo ${other} > /m/file`, {
        repoKey: other,
      });
      const pruned = await galley(engine, [
        ...["cache", "prune", other, "--kind", "record"],
        ...["--data-dir", world.dataDirectory, "--json"],
      ]);
      expect(JSON.parse(pruned.stdout).removed, pruned.stderr).toHaveLength(1);
      expect(await build(token, { repoKey })).toEqual({ ran: 0, of: all, layers: ["base"] });
      await world.forget(other);
      await world.forget(token);
      expect(world.warnings).toEqual([]);
    });

    test("Layers that are larger than their repository's share are not kept, nor half of them.", async () => {
      const small = await cacheWorld(engine, { share: 500_000 });
      const token = unique("large");
      await small.build(`RUN head -c 2000000 /dev/urandom > /${token}`);
      expect(small.warnings.join()).toContain("more than the 500000 bytes");
      const places = cachePlaces(small.dataDirectory, "repo-a");
      expect(await listStoredLayers(places)).toEqual([]);
      expect(await readdir(join(places.layers, "blobs/sha256")).catch(() => [])).toEqual([]);
      await small.remove();
    });

    test("On a full disk nothing is kept of layers, and the build does not mind.", async () => {
      const disk = await smallDisk(1);
      try {
        const full = await cacheWorld(engine, { dataDirectory: disk.path });
        try {
          const token = unique("full");
          expect(await full.build(`RUN head -c 2000000 /dev/urandom > /${token} && echo built`)).toBe(
            "built\n",
          );
          expect(full.warnings.join()).toMatch(/storing layers failed.*No space is left/);
          const places = cachePlaces(full.dataDirectory, "repo-a");
          expect(await listStoredLayers(places)).toEqual([]);
          expect(await readdir(join(places.layers, "blobs/sha256")).catch(() => [])).toEqual([]);
        } finally {
          await full.caches.close();
          full.client.close();
        }
      } finally {
        await disk.remove();
      }
    });
  },
  ({ name }) => name === "28c",
);
