import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { resolveOutputs } from "./engine-exports.js";
import { loadOutput, parseOutput, pushOutput } from "./output-spec.js";

const plain = { store: "plain", multipleExports: true } as const;
const old = { store: "plain", multipleExports: false } as const;
const containerd = { store: "containerd", multipleExports: true } as const;
let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), "galley-outputs-"));
});
afterEach(() => rm(cwd, { recursive: true }));

const resolved = (values: string[], options: Partial<Parameters<typeof resolveOutputs>[1]> = {}) =>
  resolveOutputs(values.map(parseOutput), { engine: containerd, cwd, ...options });

test("Without an output the image goes to the engine's store under its tags.", () => {
  expect(resolved([], { tags: ["a:1", "b:2"], engine: old })).toEqual({
    exports: [{ type: "moby", attrs: { name: "a:1,b:2" } }],
    afterBuild: {},
    usesStdout: false,
  });
});

test("--load is the moby exporter on every store.", () => {
  for (const engine of [old, plain, containerd]) {
    expect(resolveOutputs([loadOutput], { engine, tags: ["a"] }).exports).toEqual([
      { type: "moby", attrs: { name: "a" } },
    ]);
  }
});

test("A push is the exporter's work with the containerd store, and the Docker API's afterwards with the plain one.", () => {
  expect(resolveOutputs([pushOutput], { engine: containerd, tags: ["r/a:1"] })).toMatchObject({
    exports: [{ type: "moby", attrs: { name: "r/a:1", push: "true" } }],
    afterBuild: {},
  });
  expect(resolveOutputs([pushOutput], { engine: plain, tags: ["r/a:1", "r/b"] })).toMatchObject({
    exports: [{ type: "moby", attrs: { name: "r/a:1,r/b" } }],
    afterBuild: { push: ["r/a:1", "r/b"] },
  });
});

test("type=registry pushes, and names of the output count where there are no tags.", () => {
  expect(resolved(['type=registry,"name=r/a,r/b"'], { engine: plain }).afterBuild).toEqual({
    push: ["r/a", "r/b"],
  });
  expect(resolved(["type=registry,name=r/a"], { engine: plain, tags: ["r/t"] }).afterBuild).toEqual({
    push: ["r/t"],
  });
});

test("A push without any name is refused before the build.", () => {
  expect(() => resolved(["type=registry"])).toThrow("name of the image");
});

test("--load and --push together are one export, which every engine can make.", () => {
  expect(resolveOutputs([loadOutput, pushOutput], { engine: old, tags: ["r/a"] })).toMatchObject({
    exports: [{ type: "moby", attrs: { name: "r/a" } }],
    afterBuild: { push: ["r/a"] },
  });
});

test("Image outputs that contradict each other are refused.", () => {
  expect(() => resolved(["type=image,compression=zstd", "type=image,compression=gzip"])).toThrow(
    "compression",
  );
});

test("Pushing by digest is refused, as buildx does for a Docker Engine.", () => {
  expect(() => resolved(["type=image,name=r/a,push=true,push-by-digest=true"])).toThrow("push by digest");
});

test("Several outputs keep their order, the image at the place of the first that asked for it.", () => {
  const { exports } = resolved(["type=tar,dest=t.tar", "type=image", "out", "type=docker"], { tags: ["x"] });
  expect(exports.map(({ type }) => type)).toEqual(["tar", "moby", "local"]);
  expect(exports[2]?.output).toEqual({ kind: "directory", path: join(cwd, "out") });
});

test("Several outputs on an old engine are refused with the engine that would do.", () => {
  expect(() => resolved(["out", "type=image"], { engine: old })).toThrow(
    expect.objectContaining({ code: "engine_unsupported", hint: expect.stringContaining("26") }),
  );
});

test.each(["type=oci,dest=x.tar", "type=docker,dest=x.tar", "type=oci,dest=d,tar=false"])(
  "%s on a plain store is refused with what would do",
  (value) => {
    expect(() => resolved([value], { engine: plain })).toThrow(
      expect.objectContaining({
        code: "engine_unsupported",
        hint: expect.stringContaining("containerd image store"),
      }),
    );
  },
);

test("Archives carry the tags, directories and tars do not.", () => {
  const { exports } = resolved(["type=oci,dest=a.tar", "type=oci,tar=false,dest=d", "type=tar,dest=b.tar"], {
    tags: ["x:1"],
  });
  expect(exports.map(({ attrs }) => attrs)).toEqual([{ name: "x:1" }, { tar: "false", name: "x:1" }, {}]);
});

test("cacheonly exports nothing.", () => {
  expect(resolved(["type=cacheonly"], { engine: old }).exports).toEqual([]);
});

test("Standard output takes one archive, and never a terminal.", () => {
  const open = async () => process.stdout;
  expect(resolved(["-"], { stdout: { terminal: false, open } }).usesStdout).toBe(true);
  expect(resolved(["type=tar"], { stdout: { terminal: false, open } }).usesStdout).toBe(true);
  expect(() => resolved(["-"], { stdout: { terminal: true, open } })).toThrow("terminal");
  expect(() => resolved(["-"])).toThrow("terminal");
  expect(() => resolved(["-", "type=oci,dest=-"], { stdout: { terminal: false, open } })).toThrow("one");
  expect(resolved(["out"], { stdout: { terminal: false, open } }).usesStdout).toBe(false);
});

test("A destination of the wrong kind is refused before the build, and nothing is created.", async () => {
  await writeFile(join(cwd, "file"), "");
  expect(() => resolved(["file"])).toThrow("is a file");
  expect(() => resolved(["file/out"])).toThrow(expect.objectContaining({ code: "option_invalid" }));
  expect(() => resolved(["type=tar,dest=."])).toThrow("is a directory");
  resolved(["type=tar,dest=new.tar", "newdir"]);
  expect(await readdir(cwd)).toEqual(["file"]);
});
