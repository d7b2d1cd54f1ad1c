import { expect, test } from "vitest";
import { moby, pb } from "../../../proto/index.js";
import { digestOf } from "./changed-steps.js";
import { withPlainName } from "./context-name.js";
import { graphOf } from "./graph.js";
import { withNames } from "./other-names.js";
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
  const changed = await withNames(
    result,
    {
      hostNameOf: ({ caches, confidential }) =>
        caches.length > 0 || confidential ? "build-fork" : undefined,
    },
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
  expect(await withNames(result, { hostNameOf: () => "build-base", contextName: "repo" }, load)).toEqual({
    ...result,
  });
  expect(await withNames(result, { hostNameOf: () => undefined }, load)).toEqual({ ...result });
  expect(await withNames(undefined, { hostNameOf: () => "x" }, load)).toBeUndefined();
});

test("The context gets its other name and nothing else does: neither the steps on it nor a named context are anything else for that.", async () => {
  const local = (name: string, hint: string, session = "s1") =>
    write({
      source: {
        identifier: `local://${name}`,
        attrs: { "local.session": session, "local.sharedkeyhint": hint },
      },
    });
  const built = (session: string) => {
    const context = local("context", "context", session);
    const other = local("assets", "context:assets", session);
    const copy = write({ inputs: [onto(context), onto(other)], file: { actions: [] } });
    const def = [context, other, copy, write({ inputs: [onto(copy)] })];
    const metadata = { [digestOf(context)]: named("[internal] load build context") };
    return Result.decode(Result.encode({ ref: { id: "first", def: { def, metadata } } }).finish());
  };
  const load = async () => "loaded";
  const plain = graphOf(await withNames(built("s1"), {}, load));
  const changed = graphOf(await withNames(built("s2"), { contextName: "galley/repo/context" }, load));
  expect(changed?.steps.map(({ source, context }) => [source, context])).toEqual([
    ["local://galley/repo/context", "galley/repo/context"],
    ["local://assets", undefined],
    [undefined, undefined],
  ]);
  expect(changed?.steps[0]?.name).toBe("[internal] load build context");
  expect(changed?.again?.contexts).toEqual(["galley/repo/context"]);
  expect(plain?.steps[0]?.context).toBe("context");
  expect(changed?.steps.map(({ own }) => own)).toEqual(plain?.steps.map(({ own }) => own));
});

test("What is told of a transfer has the plain name of the context.", () => {
  const about = { vertex: "sha256:1", current: 2, timestamp: "2026-01-02T03:04:05Z" };
  const told = (id: string) => ({
    ...{ vertexes: [], logs: [], warnings: [] },
    statuses: [{ id, ...about }],
  });
  const name = "galley/repo/context";
  expect(withPlainName(told(`transferring ${name}:`), name)).toEqual(told("transferring context:"));
  expect(withPlainName(told("transferring dockerfile:"), name)).toEqual(told("transferring dockerfile:"));
});
