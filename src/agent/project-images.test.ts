import { expect, test } from "vitest";
import { ProjectImages } from "./project-images.js";

const later = () => {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
};

test("images are not removed while a deployment of their project is under way, those of others are", async () => {
  const images = new ProjectImages();
  const [done, swept]: [ReturnType<typeof later>, string[]] = [later(), []];
  const using = images.use("a", () => done.promise);
  await Promise.resolve();
  await images.sweep("a", async () => swept.push("a"));
  await images.sweep("b", async () => swept.push("b"));
  expect(swept).toEqual(["b"]);
  done.resolve();
  await using;
  await images.sweep("a", async () => swept.push("a"));
  expect(swept).toEqual(["b", "a"]);
});

test("a deployment waits for a removal, also for one that fails", async () => {
  const images = new ProjectImages();
  const removing = later();
  const told: string[] = [];
  const sweep = images.sweep("a", async () => {
    await removing.promise;
    told.push("removed");
    throw new Error("the engine is away");
  });
  const using = images.use("a", async () => told.push("deployed"));
  removing.resolve();
  await expect(sweep).rejects.toThrow("away");
  await using;
  expect(told).toEqual(["removed", "deployed"]);
});
