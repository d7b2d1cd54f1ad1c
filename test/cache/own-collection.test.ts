// BuildKit collects by itself the cache mounts that were not used for two days. Engines of the test's own do so after a second.
import { randomBytes } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { labDirectory, script } from "../lab/scripts.js";
import { type LabEngine, labRegistry, onEachEngine } from "../support/engines.js";
import { cacheWorld, unique } from "./world.js";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

onEachEngine(
  (engine) => {
    test("A cache mount that BuildKit has collected by itself, as it does after 48 hours, is filled with what was stored.", async () => {
      // Other runs of the tests may bring up theirs at the same time.
      const name = `${engine.name}g${randomBytes(2).toString("hex")}`;
      const folder = join(labDirectory(), name);
      const dockerHost = `unix://${join(folder, "docker.sock")}`;
      const own: LabEngine = { ...engine, dockerHost };
      const mirror = ["--registry-mirror", `http://${labRegistry().open}`];
      const up = async () => {
        const collect = ["--collect-mounts", "1", "--debug"];
        await script("engine-up.sh", [engine.name, "--name", name, ...mirror, ...collect, "--mark"]);
      };
      ending.push(async () => {
        await script("engine-down.sh", [name, "--purge"]);
        await rm(folder, { recursive: true, force: true });
      });
      await up();
      const id = unique("unused");
      const mount = `--mount=type=cache,id=${id},target=/m : ${id};`;
      const before = await cacheWorld(own);
      ending.push(() => before.remove());
      await before.build(`RUN ${mount} echo kept > /m/file`);
      expect(before.warnings).toEqual([]);
      await before.caches.close();
      before.client.close();

      // It collects when it starts, and at most once a minute. What is asked for before then counts as used.
      await script("engine-down.sh", [name]);
      await up();
      await expect.poll(() => readFile(join(folder, "dockerd.log"), "utf8")).toContain("gc cleaned up");
      const after = await cacheWorld(own, { dataDirectory: before.dataDirectory });
      ending.push(() => after.remove());
      const held = async (type: string) =>
        (await after.client.diskUsage()).filter((one) => one.type === type && one.description.includes(id));
      expect(await held("exec.cachemount")).toEqual([]);
      // It has lost nothing else.
      expect(await held("regular")).toHaveLength(1);
      expect(await after.build(`RUN ${mount} cat /m/file # again`)).toBe("kept\n");
      expect(after.warnings).toEqual([]);
    });
  },
  ({ name }) => ["26", "28"].includes(name),
);
