// Builds that would fill the engine's disk, on an engine that has a small one.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type SmallEngine, smallEngine } from "../failure/small-engine.js";
import { labEngines } from "../support/engines.js";
import { commitFolder, type GitServer, serveGit } from "../support/git-server.js";
import { idle, manifest } from "./files.js";
import { type Deployment, startWorld, type World } from "./world.js";

const kind = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
const megabyte = 1024 ** 2;
const least = 160 * megabyte;

let small: SmallEngine;
let world: World;
let root: string;
let git: GitServer;
beforeEach(async () => {
  small = await smallEngine(kind, 360);
  world = await startWorld({ ...kind, dockerHost: small.dockerHost });
  root = mkdtempSync(join(tmpdir(), "galley-disk-full-"));
  git = await serveGit(root);
});
afterEach(async () => {
  await world?.remove();
  await git?.close();
  await small?.remove();
  rmSync(root, { recursive: true, force: true });
});

/** One service, whose only step this is. */
const building = (step: string): Record<string, string> => ({
  "galley.yml": manifest({ web: { build: {}, command: idle } }),
  Dockerfile: `FROM busybox\nRUN : ${Math.random()}; ${step}\n`,
});
const begun = ({ type, lines }: { type: string; lines?: unknown }) =>
  type === "step.log" && JSON.stringify(lines).includes("begun");

test("A fork's build that fills the engine's disk is ended while there is room, says so, and gives it back; a build of another repository that began later goes on", async () => {
  const agent = await world.start(await world.agent("full"), { GALLEY_MIN_FREE_DISK: String(least) });
  const fill = "echo begun; while true; do head -c 2000000 /dev/urandom >> /filling; sleep 0.05; done";
  world.push(1, building(fill), { fork: true });
  const hostile = await world.deploy(1);
  await world.event(hostile.id, begun);

  const folder = mkdtempSync(join(root, "files-"));
  const files = building("echo begun; for i in $(seq 40); do sleep 0.25; done; echo over");
  for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text);
  commitFolder(folder, join(root, "other.git"), "refs/pull/1/head");
  const other = `${world.project}-other`;
  await world.call("POST", "/projects", { name: other, url: `${git.url}/other.git` });
  const innocent = await world.call<Deployment>("POST", `/projects/${other}/deployments`, { pr: 1 });
  await world.event(innocent.id, begun);

  const ended = await world.ended(hostile.id);
  expect(ended).toMatchObject({ state: "failed", error: { code: "disk_full" } });
  expect(ended.error?.message).toMatch(/nearly full, with \d+ MB left/);
  expect(ended.error?.hint).toContain("GALLEY_MIN_FREE_DISK");
  const events = await world.events(hostile.id);
  expect(events.at(-1)).toMatchObject({ error: { step: expect.stringContaining("/filling") } });
  const [finished] = events.filter(({ type }) => type === "build.finished");
  expect(finished).toMatchObject({
    outcome: "failed",
    error: { code: "disk_full", step: expect.stringMatching(/^sha256:/) },
  });
  expect(agent.log.join("\n")).toContain("a build is ended, so that it does not get full");
  const [beside] = (await world.events(innocent.id)).filter(begun);
  expect(String(events.at(-1)?.at) > String(beside?.at), "both were built at once").toBe(true);

  expect(await world.ended(innocent.id)).toMatchObject({ state: "running", error: null });
  // With its images and containers, and without what the other has written.
  const free = async () => {
    const { bavail, bsize } = await statfs(small.disk);
    return bavail * bsize;
  };
  await expect.poll(free).toBeGreaterThan(least);
  await agent.stop();
});
