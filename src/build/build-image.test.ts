import { expect, test } from "vitest";
import { withoutImageStore } from "./build-image.js";

test("a buildkitd pushes an image and sends archives back as they were asked for", () => {
  const archive = { type: "docker", attrs: { name: "a" } };
  expect(withoutImageStore([{ type: "moby", attrs: { name: "r/a", push: "true" } }, archive])).toEqual([
    { type: "image", attrs: { name: "r/a", push: "true" } },
    archive,
  ]);
});

test("an image that a buildkitd has no place for is refused with what to do", () => {
  expect(() => withoutImageStore([{ type: "moby", attrs: {} }])).toThrow(
    expect.objectContaining({ code: "engine_unsupported", hint: expect.stringContaining("--push") }),
  );
});
