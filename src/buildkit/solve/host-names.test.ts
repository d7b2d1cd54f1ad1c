import { expect, test } from "vitest";
import { moby, pb } from "../../../proto/index.js";
import { digestOf } from "./changed-steps.js";
import { graphOf } from "./graph.js";
import { withHostNames } from "./host-names.js";
import { sourceMapOf } from "./source-map.js";

const { Result } = moby.buildkit.v1.frontend;

const write = (op: pb.Op.Init) => pb.Op.encode(op).finish();
const onto = (op: Uint8Array, index = 0) => ({ digest: digestOf(op), index });
const run = (args: string[], on: Uint8Array, mounts: pb.Mount.Init[] = []) =>
  write({
    inputs: [onto(on)],
    exec: { meta: { args, cwd: "/", hostname: "build-base" }, mounts: [{ dest: "/", input: 0 }, ...mounts] },
  });
const base = write({ source: { identifier: "docker-image://busybox" } });
const plain = run(["plain"], base);
const cached = run(["cached"], plain, [
  { dest: "/m", input: -1, mountType: pb.MountType.CACHE, cacheOpt: { id: "repo//m" } },
]);
const after = run(["after"], cached);
const secret = run(["secret"], base, [{ dest: "/s", input: -1, mountType: pb.MountType.SECRET }]);
const last = write({ inputs: [onto(after)] });
const named = (name: string) => ({ description: { "llb.customname": name } });
const result = Result.decode(
  Result.encode({
    metadata: { "containerimage.config": new Uint8Array([1]) },
    ref: {
      id: "first",
      def: {
        def: [base, plain, cached, after, secret, last],
        metadata: {
          [digestOf(plain)]: named("RUN plain"),
          [digestOf(cached)]: { ...named("RUN cached"), ignoreCache: true },
          [digestOf(after)]: named("RUN after"),
        },
        source: {
          infos: [{ filename: "Dockerfile", data: Buffer.from("FROM busybox") }],
          locations: {
            [digestOf(after)]: {
              locations: [{ sourceIndex: 0, ranges: [{ start: { line: 4 }, end: { line: 4 } }] }],
            },
          },
        },
      },
    },
  }).finish(),
);

test("A step gets its host name, what stands on it its new place, and everything else stays as it was.", async () => {
  const loaded: pb.Definition[] = [];
  const changed = await withHostNames(
    result,
    ({ caches, confidential }) => (caches.length > 0 || confidential ? "build-fork" : undefined),
    async (definition) => `loaded-${loaded.push(definition)}`,
  );
  expect(changed?.ref?.id).toBe("loaded-1");
  expect(changed?.metadata).toEqual(result.metadata);
  const ops = (changed?.ref?.def?.def ?? []).map((op) => pb.Op.decode(op));
  expect(ops.map(({ exec }) => exec?.meta?.hostname)).toEqual([
    undefined,
    "build-base",
    "build-fork",
    "build-base",
    "build-fork",
    undefined,
  ]);
  const [first, second, third, fourth, , end] = changed?.ref?.def?.def ?? [];
  expect([first, second].map((op) => digestOf(op as Uint8Array))).toEqual([base, plain].map(digestOf));
  expect(ops[3]?.inputs).toEqual([expect.objectContaining({ digest: digestOf(third as Uint8Array) })]);
  expect(pb.Op.decode(end as Uint8Array).inputs[0]?.digest).toBe(digestOf(fourth as Uint8Array));
  expect(graphOf(changed)?.steps.map(({ name }) => name)).toEqual([
    "docker-image://busybox",
    "RUN plain",
    "RUN cached",
    "RUN after",
    "secret",
  ]);
  expect(changed?.ref?.def?.metadata[digestOf(third as Uint8Array)]?.ignoreCache).toBe(true);
  expect([...(sourceMapOf(changed)?.steps ?? [])]).toEqual([
    [digestOf(fourth as Uint8Array), [{ start: 4, end: 4 }]],
  ]);
});

test("A build of which every step has its name already is not loaded anew.", async () => {
  const load = () => Promise.reject(new Error("it was loaded"));
  expect(await withHostNames(result, () => "build-base", load)).toEqual({ ...result });
  expect(await withHostNames(result, () => undefined, load)).toEqual({ ...result });
  expect(await withHostNames(undefined, () => "x", load)).toBeUndefined();
});
