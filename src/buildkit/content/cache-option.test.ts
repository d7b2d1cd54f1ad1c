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

test("A plain store exports inline caches only, and says what would do more.", () => {
  const local = parseCacheOption("type=local,dest=x", "to");
  expect(() => requireCacheSupport(local, { store: "plain" })).toThrow(
    expect.objectContaining({
      code: "engine_unsupported",
      hint: expect.stringContaining("containerd image store"),
    }),
  );
  expect(() => requireCacheSupport(local, { store: "containerd" })).not.toThrow();
  expect(() => requireCacheSupport(parseCacheOption("type=inline", "to"), { store: "plain" })).not.toThrow();
});
