import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { disksOf } from "./disks.js";
import { engineDirectory } from "./engine.js";

test("Two directories of one disk are looked at as one; one that is not there is left out.", async () => {
  const [only, ...more] = await disksOf(tmpdir(), tmpdir())();
  expect(only).toMatchObject({ directory: tmpdir(), keeps: ["stored", "engine"] });
  expect(only?.free).toBeGreaterThan(0);
  expect(more).toEqual([]);
  expect(await disksOf(tmpdir(), "/no/such/engine")()).toMatchObject([{ keeps: ["stored"] }]);
  expect(await disksOf("/no/such/data", undefined)()).toEqual([]);
});

test("The data directory and an engine on another disk are two disks.", async () => {
  // Of another size than any disk with files on it.
  expect(await disksOf(tmpdir(), "/proc")()).toMatchObject([
    { directory: tmpdir(), keeps: ["stored"] },
    { directory: "/proc", keeps: ["engine"] },
  ]);
});

test("The engine's disk is seen by its path on this machine, by its own root in a container, and not at all from afar.", async () => {
  const root = "/var/lib/docker";
  const of = (inContainer: boolean, host: string) =>
    engineDirectory(root, inContainer, { DOCKER_HOST: host });
  expect(await of(false, "unix:///var/run/docker.sock")).toBe(root);
  expect(await of(true, "unix:///var/run/docker.sock")).toBe("/");
  expect(await of(true, "tcp://engine:2375")).toBe("/");
  expect(await of(false, "tcp://engine:2375")).toBeUndefined();
});
