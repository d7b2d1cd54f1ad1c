import { expect, test } from "vitest";
import { parseCacheOption, requireCacheSupport } from "./cache-option.js";

test.each([
  ["from", "user/app:cache", [{ type: "registry", attrs: { ref: "user/app:cache" } }]],
  [
    "from",
    "a,b:1",
    [
      { type: "registry", attrs: { ref: "a" } },
      { type: "registry", attrs: { ref: "b:1" } },
    ],
  ],
  ["from", "type=registry,ref=a/b", [{ type: "registry", attrs: { ref: "a/b" } }]],
  ["from", "type=local,src=.cache,tag=x", [{ type: "local", attrs: { src: ".cache", tag: "x" } }]],
  ["to", "type=local,Dest=.cache,mode=max", [{ type: "local", attrs: { dest: ".cache", mode: "max" } }]],
  ["to", 'type=local,"dest=a,b"', [{ type: "local", attrs: { dest: "a,b" } }]],
  ["to", "type=inline", [{ type: "inline", attrs: {} }]],
  ["to", "type=gha,scope=x,mode=min", [{ type: "gha", attrs: { scope: "x", mode: "min" } }]],
] as const)("--cache-%s %j is read as buildx reads it", (direction, value, entries) => {
  expect(parseCacheOption(value, direction)).toEqual(entries);
});

test.each([
  ["from", "", "empty"],
  ["from", "src=x", "does not say its type"],
  ["from", "type=local,dest=x", "src="],
  ["to", "type=local,src=x", "dest="],
  ["to", "type=registry", "ref="],
  ["to", "type=registry,ref=", "ref="],
  ["to", "type=lokal,dest=x", "lokal"],
  ["to", "type=local,dest=x,mode=most", "most"],
  ["from", "type=inline", "type=registry,ref=NAME"],
  ["from", "type=local,src=x,oops", "oops"],
] as const)("--cache-%s %j is refused, saying %j", (direction, value, part) => {
  expect(() => parseCacheOption(value, direction)).toThrow(
    expect.objectContaining({
      code: "option_invalid",
      message: expect.stringContaining(part),
      hint: expect.any(String),
    }),
  );
});

const plain = { store: "plain", imageStore: true } as const;
const containerd = { store: "containerd", imageStore: true } as const;
const buildkitd = { store: "containerd", imageStore: false } as const;

test("A plain store exports inline caches only, and says what would do more.", () => {
  const local = parseCacheOption("type=local,dest=x", "to");
  const refused = { code: "engine_unsupported", hint: expect.stringContaining("containerd image store") };
  expect(() => requireCacheSupport(local, [], plain)).toThrow(expect.objectContaining(refused));
  expect(() => requireCacheSupport(local, [], containerd)).not.toThrow();
  expect(() => requireCacheSupport(parseCacheOption("type=inline", "to"), [], plain)).not.toThrow();
  const actions = parseCacheOption("type=gha,scope=x", "from");
  expect(() => requireCacheSupport([], actions, plain)).toThrow(expect.objectContaining(refused));
  expect(() => requireCacheSupport(actions, actions, containerd)).not.toThrow();
});

test.each(["s3", "azblob"])(
  "A cache of type %s is for a buildkitd: no Docker Engine has it, either way.",
  (type) => {
    const entries = [{ type, attrs: { bucket: "b" } }];
    const refused = { code: "engine_unsupported", hint: expect.stringContaining("buildkitd") };
    for (const engine of [plain, containerd]) {
      expect(() => requireCacheSupport(entries, [], engine)).toThrow(expect.objectContaining(refused));
      expect(() => requireCacheSupport([], entries, engine)).toThrow(expect.objectContaining(refused));
    }
    expect(() => requireCacheSupport(entries, entries, buildkitd)).not.toThrow();
  },
);
