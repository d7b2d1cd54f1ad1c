import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import { withPlatforms } from "./images.js";

const refused = (code: "image_platform_unsupported" | "image_not_found") =>
  new GalleyError(code, "image app could not be pulled", { hint: "Name another." });

test("an image that is not there for the engine's machine is told with those that it is there for", async () => {
  const platforms = async () => ["linux/arm64", "linux/arm/v7"];
  expect(await withPlatforms(refused("image_platform_unsupported"), platforms)).toMatchObject({
    code: "image_platform_unsupported",
    message: "image app could not be pulled; it is there for linux/arm64, linux/arm/v7",
    hint: "Name another.",
  });
});

test("where the registry does not say, or something else went wrong, nothing is added and nobody is asked in vain", async () => {
  const silent = refused("image_platform_unsupported");
  expect(await withPlatforms(silent, async () => [])).toBe(silent);
  const missing = refused("image_not_found");
  const nobody = () => Promise.reject(new Error("asked"));
  expect(await withPlatforms(missing, nobody)).toBe(missing);
});
