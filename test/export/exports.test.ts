import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import {
  parseLayoutReference,
  parseOutput,
  prepareLayout,
  resolveOutputs,
} from "../../src/buildkit/index.js";
import { docker, type LabEngine, labName, onEachEngine, purgeImage } from "../support/engines.js";
import {
  build,
  buildx,
  imageDockerfile,
  listing,
  readJson,
  tarListing,
  treeDockerfile,
  withFolder,
} from "./build.js";

const outputs = (engine: LabEngine, cwd: string, values: readonly string[], tags: readonly string[] = []) =>
  resolveOutputs(values.map(parseOutput), {
    engine: { store: engine.store, multipleExports: engine.version >= 26 },
    cwd,
    tags,
  }).exports;

const context = async (folder: string): Promise<string> => {
  const path = join(folder, "context");
  await mkdir(path);
  return path;
};

onEachEngine((engine) => {
  test("A directory is exported as buildx exports it: same files, modes, times and links.", () =>
    withFolder(async (folder) => {
      const dockerfile = treeDockerfile(labName("local"));
      await build(engine, dockerfile, { exports: outputs(engine, folder, ["ours"]) });
      await buildx(engine, dockerfile, ["-o", join(folder, "theirs")], await context(folder));
      const ours = await listing(join(folder, "ours"));
      const theirs = await listing(join(folder, "theirs"));
      expect(ours.map(({ line }) => line)).toEqual(theirs.map(({ line }) => line));
      // Node sets times as floating point seconds, which are a quarter of a microsecond apart, and cuts them to whole ones.
      for (const [at, { line, mtimeNs }] of ours.entries()) {
        const apart = Number(mtimeNs - theirs[at]!.mtimeNs);
        expect(Math.abs(apart), line).toBeLessThan(2000);
      }
      expect(ours.length).toBeGreaterThanOrEqual(13);
      expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
    }));

  test("A tar is exported byte for byte as buildx exports it.", () =>
    withFolder(async (folder) => {
      const dockerfile = treeDockerfile(labName("tar"));
      await build(engine, dockerfile, { exports: outputs(engine, folder, ["type=tar,dest=ours.tar"]) });
      await buildx(
        engine,
        dockerfile,
        ["-o", `type=tar,dest=${join(folder, "theirs.tar")}`],
        await context(folder),
      );
      expect(await tarListing(join(folder, "ours.tar"))).toBe(await tarListing(join(folder, "theirs.tar")));
      expect(
        (await readFile(join(folder, "ours.tar"))).equals(await readFile(join(folder, "theirs.tar"))),
      ).toBe(true);
    }));

  test("A destination without room fails the build with the reason, whatever the engine makes of it.", () =>
    withFolder(async (folder) => {
      const exports = outputs(engine, folder, ["type=tar,dest=/dev/full"]);
      await expect(build(engine, treeDockerfile("full"), { exports })).rejects.toMatchObject({
        code: "disk_full",
      });
    }));

  test("A build that fails leaves no destination and no temporary file.", () =>
    withFolder(async (folder) => {
      const exports = outputs(engine, folder, ["type=tar,dest=out.tar"]);
      await expect(build(engine, "FROM busybox\nRUN exit 3\n", { exports })).rejects.toMatchObject({
        code: "step_failed",
      });
      expect(await readdir(folder)).toEqual([]);
    }));

  test("Cancelling while the result arrives ends the build and leaves nothing.", () =>
    withFolder(async (folder) => {
      const abort = new AbortController();
      const stuck = new Writable({ write: () => abort.abort() });
      const exports = [
        { type: "tar", attrs: {}, output: { kind: "stream" as const, open: async () => stuck } },
      ];
      await expect(
        build(engine, treeDockerfile("stuck"), { exports, signal: abort.signal }),
      ).rejects.toMatchObject({
        code: "cancelled",
      });
      expect(stuck.destroyed).toBe(true);
      expect(await readdir(folder)).toEqual([]);
    }));

  if (engine.version >= 26)
    test("An image and a tar come out of one solve.", () =>
      withFolder(async (folder) => {
        const token = labName("two");
        const image = `${token}:latest`;
        await build(engine, imageDockerfile(token), {
          exports: outputs(engine, folder, ["type=image", "type=tar,dest=rootfs.tar"], [image]),
        });
        try {
          expect((await docker(engine, ["run", "--rm", image])).trim()).toBe(token);
          expect(await tarListing(join(folder, "rootfs.tar"))).toContain(" token\n");
        } finally {
          await purgeImage(engine, image);
        }
      }));
});

onEachEngine(
  (engine) => {
    test("A docker archive can be loaded and run.", () =>
      withFolder(async (folder) => {
        const token = labName("archive");
        const image = `${token}:v1`;
        await build(engine, imageDockerfile(token), {
          exports: outputs(engine, folder, ["type=docker,dest=image.tar"], [image]),
        });
        try {
          await docker(engine, ["load", "-i", join(folder, "image.tar")]);
          expect((await docker(engine, ["run", "--rm", image])).trim()).toBe(token);
        } finally {
          await purgeImage(engine, image);
        }
      }));

    test("An OCI archive holds the image that buildx would have put there.", () =>
      withFolder(async (folder) => {
        const dockerfile = imageDockerfile(labName("oci"));
        await build(engine, dockerfile, {
          exports: outputs(engine, folder, ["type=oci,dest=ours.tar"], ["x:1"]),
        });
        await buildx(
          engine,
          dockerfile,
          ["-t", "x:1", "-o", `type=oci,dest=${join(folder, "theirs.tar")}`],
          await context(folder),
        );
        const blobs = async (file: string) =>
          (await tarListing(join(folder, file))).match(/blobs\/sha256\/[0-9a-f]{64}/g);
        const ours = await blobs("ours.tar");
        expect(ours?.length).toBeGreaterThanOrEqual(4);
        expect(ours).toEqual(await blobs("theirs.tar"));
      }));

    test("An image layout in a directory serves as a context by its tag, for us and for buildx.", () =>
      withFolder(async (folder) => {
        const token = labName("layout");
        const layout = join(folder, "layout");
        await build(engine, imageDockerfile(token), {
          exports: outputs(engine, folder, ["type=oci,tar=false,dest=layout"], ["base:v1"]),
        });
        expect((await readdir(layout)).sort()).toEqual(["blobs", "index.json", "ingest", "oci-layout"]);
        expect(await readdir(join(layout, "ingest"))).toEqual([]);
        expect((await readJson(join(layout, "index.json"))).manifests[0].annotations).toMatchObject({
          "io.containerd.image.name": "docker.io/library/base:v1",
          "org.opencontainers.image.ref.name": "v1",
        });

        const dockerfile = "FROM scratch\nCOPY --from=base /token /token\n";
        const reference = parseLayoutReference(`oci-layout://${layout}:v1`)!;
        const { context: value, stores } = await prepareLayout(reference);
        await build(engine, dockerfile, {
          exports: outputs(engine, folder, ["ours"]),
          stores,
          frontendAttrs: { "context:base": value },
        });
        expect((await readFile(join(folder, "ours/token"), "utf8")).trim()).toBe(token);

        const args = ["--build-context", `base=oci-layout://${layout}:v1`, "-o", join(folder, "theirs")];
        await buildx(engine, dockerfile, args, await context(folder));
        expect((await readFile(join(folder, "theirs/token"), "utf8")).trim()).toBe(token);
      }));

    test("Four outputs of four kinds come out of one solve.", () =>
      withFolder(async (folder) => {
        const token = labName("four");
        const values = ["type=image", "directory", "type=tar,dest=rootfs.tar", "type=oci,dest=image.tar"];
        await build(engine, imageDockerfile(token), {
          exports: outputs(engine, folder, values, [`${token}:latest`]),
        });
        try {
          expect((await docker(engine, ["run", "--rm", token])).trim()).toBe(token);
          expect((await readFile(join(folder, "directory/token"), "utf8")).trim()).toBe(token);
          expect(await tarListing(join(folder, "rootfs.tar"))).toContain(" token\n");
          expect(await tarListing(join(folder, "image.tar"))).toContain("index.json");
          expect((await readdir(folder)).sort()).toEqual(["directory", "image.tar", "rootfs.tar"]);
        } finally {
          await purgeImage(engine, token);
        }
      }));
  },
  (engine) => engine.store === "containerd",
);
