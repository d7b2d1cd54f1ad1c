import { expect, test } from "vitest";
import { checkPlatform } from "./platform.js";

const engine = { os: "linux", architecture: "amd64" };
const asked: string[] = [];
const emulates = (...platforms: string[]) => {
  return async (platform: string) => {
    asked.push(platform);
    return platforms.includes(platform);
  };
};

test("an image for the engine's machine, or one that does not say, is nothing to talk about", async () => {
  for (const image of [engine, { os: "linux", architecture: "" }, { os: "", architecture: "arm64" }])
    expect(await checkPlatform("web", image, engine, emulates())).toBeUndefined();
  expect(asked).toEqual([]);
});

test("one that an emulator runs is told", async () => {
  const image = { os: "linux", architecture: "arm64" };
  expect(await checkPlatform("web", image, engine, emulates("linux/arm64"))).toBe(
    "the image of service web is for linux/arm64, and this engine is linux/amd64: it is run by an emulator, and may be slow",
  );
});

test("one that nothing runs is an error with what to do", async () => {
  for (const image of [
    { os: "linux", architecture: "arm64" },
    { os: "windows", architecture: "amd64" },
  ])
    await expect(checkPlatform("web", image, engine, emulates("windows/amd64"))).rejects.toMatchObject({
      code: "image_platform_unsupported",
      message: expect.stringContaining(`service web is for ${image.os}/${image.architecture}`),
      hint: expect.stringMatching(/linux\/amd64.*emulator/),
    });
});
