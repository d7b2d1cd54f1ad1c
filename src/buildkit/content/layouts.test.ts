import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf } from "./digest.js";
import { finishLocalCacheExport, prepareCaches, prepareLocalCacheImport } from "./local-cache.js";
import { finishLayoutExport, parseLayoutReference, prepareLayout } from "./oci-layout.js";
import { type Descriptor, findInIndex, putInIndex, readStoreIndex } from "./store-index.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "galley-layout-"));
});
afterEach(() => rm(directory, { recursive: true }));

const mediaType = "application/vnd.oci.image.manifest.v1+json";
const putManifest = async (text: string, into = directory): Promise<Descriptor> => {
  const digest = digestOf(Buffer.from(text));
  await mkdir(join(into, "blobs/sha256"), { recursive: true });
  await writeFile(join(into, "blobs/sha256", digest.slice(7)), text);
  return { mediaType, digest, size: text.length };
};
const index = async () => JSON.parse(await readFile(join(directory, "index.json"), "utf8"));

describe("the index of a layout", () => {
  test("A first entry makes the directory a layout.", async () => {
    const descriptor = await putManifest("{}");
    await putInIndex(join(directory, "new"), descriptor, [{ tag: "latest" }]);
    expect(JSON.parse(await readFile(join(directory, "new/oci-layout"), "utf8"))).toEqual({
      imageLayoutVersion: "1.0.0",
    });
    expect(JSON.parse(await readFile(join(directory, "new/index.json"), "utf8"))).toEqual({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...descriptor, annotations: { "org.opencontainers.image.ref.name": "latest" } }],
    });
    expect((await readdir(join(directory, "new"))).sort()).toEqual(["index.json", "oci-layout"]);
  });

  test("A name moves to the new manifest, other names stay.", async () => {
    const one = await putManifest("1");
    const two = await putManifest("2");
    await putInIndex(directory, one, [{ tag: "a" }, { tag: "b" }, { image: "docker.io/library/x:a" }]);
    await putInIndex(directory, two, [{ tag: "a" }]);
    const manifests = (await readStoreIndex(directory))!;
    expect(manifests.length).toBe(3);
    expect(findInIndex(manifests, "b")?.digest).toBe(one.digest);
    expect(findInIndex(manifests, "docker.io/library/x:a")?.digest).toBe(one.digest);
    expect(
      manifests.find(
        ({ annotations }) => Object.keys(annotations!).length === 1 && Object.values(annotations!)[0] === "a",
      )?.digest,
    ).toBe(two.digest);
  });

  test.each([
    ["docker.io/library/x:v1", "v1"],
    ["127.0.0.1:5000/a/x:v1", "v1"],
    ["127.0.0.1:5000/a/x", "127.0.0.1:5000/a/x"],
    [`r/x:v1@sha256:${"a".repeat(64)}`, `v1@sha256:${"a".repeat(64)}`],
  ])("The image %s is found by its name, and by %s as its tag.", async (image, tag) => {
    const descriptor = await putManifest("{}");
    await putInIndex(directory, descriptor, [{ image }]);
    expect((await index()).manifests[0].annotations).toEqual({
      "io.containerd.image.name": image,
      "org.opencontainers.image.ref.name": tag,
    });
  });

  test("Many writers at once lose nothing.", async () => {
    const descriptor = await putManifest("{}");
    const tags = Array.from({ length: 20 }, (_, at) => `t${at}`);
    await Promise.all(tags.map((tag) => putInIndex(directory, descriptor, [{ tag }])));
    const found = (await readStoreIndex(directory))!.map(
      ({ annotations }) => annotations!["org.opencontainers.image.ref.name"],
    );
    expect(found.sort()).toEqual(tags.sort());
    expect((await readdir(directory)).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });

  test("A lock that a dead process left is taken over.", async () => {
    const lock = join(directory, ".index.json.galley-lock");
    await writeFile(lock, "");
    await utimes(lock, new Date(0), new Date(0));
    await putInIndex(directory, await putManifest("{}"), [{ tag: "x" }]);
    expect((await index()).manifests.length).toBe(1);
  });

  test("Waiting for the lock ends with the signal.", async () => {
    await writeFile(join(directory, ".index.json.galley-lock"), "");
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(putInIndex(directory, await putManifest("{}"), [{ tag: "x" }], signal)).rejects.toThrow();
  });

  test.each([
    "",
    "null,",
    "[1",
    '{"manifests":{}}',
    '{"manifests":[{"digest":"../../x","size":1,"mediaType":""}]}',
    '{"manifests":[null]}',
    '{"manifests":[{"digest":5}]}',
  ])("The index %j is refused as damaged.", async (text) => {
    await writeFile(join(directory, "index.json"), text);
    await expect(readStoreIndex(directory)).rejects.toMatchObject({ code: "context_invalid" });
  });

  test("A directory in the place of the index is refused.", async () => {
    await mkdir(join(directory, "index.json"));
    await expect(readStoreIndex(directory)).rejects.toMatchObject({ code: "context_invalid" });
  });
});

describe("local caches", () => {
  test("What was exported under a tag is imported by it; without a tag it is latest or the only one.", async () => {
    const manifest = await putManifest("{}");
    await finishLocalCacheExport(directory, manifest, { tag: "main" });
    expect(await prepareLocalCacheImport(directory, { tag: "main" })).toEqual({ digest: manifest.digest });
    expect(await prepareLocalCacheImport(directory)).toEqual({ digest: manifest.digest });
    expect(await prepareLocalCacheImport(directory, { tag: "other" })).toHaveProperty("reason");
    const latest = await putManifest("latest");
    await finishLocalCacheExport(directory, latest);
    expect(await prepareLocalCacheImport(directory)).toEqual({ digest: latest.digest });
  });

  test("What is not there is skipped with the reason, what is damaged is an error.", async () => {
    expect(await prepareLocalCacheImport(join(directory, "nowhere"))).toEqual({
      reason: "there is no index.json",
    });
    await putInIndex(directory, { mediaType, digest: `sha256:${"0".repeat(64)}`, size: 1 }, [
      { tag: "latest" },
    ]);
    expect(await prepareLocalCacheImport(directory)).toHaveProperty(
      "reason",
      expect.stringContaining("not there"),
    );
    await expect(prepareLocalCacheImport(directory, { digest: "sha256:../../x" })).rejects.toMatchObject({
      code: "option_invalid",
    });
  });

  test("Directories become stores with names that any header carries; reading does not allow writing.", async () => {
    const from = join(directory, "Fröm, here");
    const manifest = await putManifest("{}", from);
    await finishLocalCacheExport(from, manifest);
    const prepared = await prepareCaches(
      [
        { type: "local", attrs: { src: "Fröm, here" } },
        { type: "registry", attrs: { ref: "r/x" } },
        { type: "local", attrs: { src: "gone" } },
      ],
      [
        { type: "local", attrs: { dest: "to", mode: "max", tag: "v" } },
        { type: "inline", attrs: {} },
      ],
      { cwd: directory },
    );
    const name = prepared.imports[0]!.attrs.src!;
    expect(name).toMatch(/^[a-z0-9-]+$/);
    expect(prepared.imports).toEqual([
      { type: "local", attrs: { src: name, digest: manifest.digest } },
      { type: "registry", attrs: { ref: "r/x" } },
    ]);
    const target = prepared.exports[0]!.attrs.dest!;
    expect(prepared.exports).toEqual([
      { type: "local", attrs: { dest: target, mode: "max" } },
      { type: "inline", attrs: {} },
    ]);
    expect(prepared.stores).toEqual({
      [`local:${name}`]: { path: from, writable: false },
      [`local:${target}`]: { path: join(directory, "to"), writable: true },
    });
    expect(prepared.skipped).toEqual([
      { directory: join(directory, "gone"), reason: "there is no index.json" },
    ]);

    await prepared.finish({ "cache.manifest": JSON.stringify(manifest) });
    const put = await readStoreIndex(join(directory, "to"));
    expect(findInIndex(put!, "v")?.digest).toBe(manifest.digest);
  });

  test("One directory for import and export is one store, which may be written.", async () => {
    await finishLocalCacheExport(directory, await putManifest("{}"));
    for (const order of [0, 1]) {
      const prepared = await prepareCaches(
        [{ type: "local", attrs: { src: directory } }],
        [{ type: "local", attrs: { dest: order === 0 ? directory : `${directory}/.` } }],
      );
      expect(Object.values(prepared.stores)).toEqual([{ path: directory, writable: true }]);
    }
  });

  test.each([undefined, "", "{}", "nonsense", '{"digest":"sha256:x","size":1,"mediaType":"m"}'])(
    "An engine that answers %j instead of a manifest is found out.",
    async (answer) => {
      const prepared = await prepareCaches([], [{ type: "local", attrs: { dest: directory } }]);
      const response = answer === undefined ? {} : { "cache.manifest": answer };
      await expect(prepared.finish(response)).rejects.toMatchObject({ code: "protocol_violation" });
      expect(await readdir(directory)).toEqual([]);
    },
  );

  test("Without local exports the answer does not matter.", async () => {
    await (await prepareCaches([], [])).finish({});
  });
});

describe("oci-layout contexts", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  test.each([
    ["oci-layout://dir", { path: "dir", tag: "latest" }],
    ["oci-layout://dir:v1", { path: "dir", tag: "v1" }],
    ["oci-layout:///abs/dir:v1", { path: "/abs/dir", tag: "v1" }],
    [`oci-layout://dir@${digest}`, { path: "dir", digest }],
    [`oci-layout://dir:v1@${digest}`, { path: "dir", tag: "v1", digest }],
    ["oci-layout://a@b/c", { path: "a@b/c", tag: "latest" }],
    ["oci-layout://a:b/c", { path: "a:b/c", tag: "latest" }],
  ])("%s is taken apart", (value, reference) => {
    expect(parseLayoutReference(value)).toEqual(reference);
  });

  test("Other contexts are none, and an empty path is refused.", () => {
    expect(parseLayoutReference("dir")).toBeUndefined();
    expect(() => parseLayoutReference("oci-layout://")).toThrow("no directory");
    expect(() => parseLayoutReference("oci-layout://:tag")).toThrow("no directory");
  });

  test("A tag is resolved to a digest; an only entry serves for any tag, as with buildx.", async () => {
    const manifest = await putManifest("{}");
    await finishLayoutExport(directory, {
      "containerimage.descriptor": Buffer.from(JSON.stringify(manifest)).toString("base64"),
      "image.name": "docker.io/library/base:v1",
    });
    for (const tag of ["v1", "latest", "docker.io/library/base:v1"]) {
      const { context, stores } = await prepareLayout({ path: directory, tag });
      const [id] = Object.keys(stores);
      expect(context).toBe(`oci-layout://${id!.slice(4)}:${tag}@${manifest.digest}`);
      expect(stores[id!]).toEqual({ path: directory, writable: false });
    }
    await putInIndex(directory, await putManifest("2"), [{ tag: "v2" }]);
    await expect(prepareLayout({ path: directory, tag: "latest" })).rejects.toMatchObject({
      code: "context_not_found",
    });
  });

  test("What is not there is said.", async () => {
    await expect(prepareLayout({ path: "nowhere" }, { cwd: directory })).rejects.toMatchObject({
      code: "context_not_found",
    });
    await expect(prepareLayout({ path: directory, digest })).rejects.toMatchObject({
      code: "context_not_found",
    });
  });

  test("An engine that does not say what it exported is found out.", async () => {
    for (const response of [{}, { "containerimage.descriptor": "x" }]) {
      await expect(finishLayoutExport(directory, response)).rejects.toMatchObject({
        code: "protocol_violation",
      });
    }
  });
});
