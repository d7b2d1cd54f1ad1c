// Global set-up of the suite that needs real engines: brings the lab up once for all files, and says what takes long.
import type { TestProject } from "vitest/node";
import { bringUpLab } from "../lab/bring-up.js";
import type { LabState } from "../support/engines.js";

/** Every base image that a test builds on or runs. */
const images = [
  "busybox:latest",
  "alpine:3.20",
  "debian:bookworm-slim",
  "node:22",
  "node:22-slim",
  "python:3.11-slim",
  "nginx:latest",
  "nginx:alpine",
  "postgres:16-alpine",
  "nats:2-alpine",
];

/** Tests of these folders need other real things, but no engine: asked for alone, they start at once. */
const withoutEngines =
  /\/test\/(bus|server|queue|source)\/|\/test\/dashboard\/(?!flow)|\/test\/compose\/files|\/test\/cli\/(agent|caches|deploy|env|login|project|server)\.test\.ts$/;

async function needsEngines(project: TestProject): Promise<boolean> {
  // What the command line names; vitest keeps it here and gives it to no set-up.
  const { filenamePattern } = project.vitest as { filenamePattern?: string[] };
  const { testFiles } = await project.globTestFiles(filenamePattern);
  return testFiles.some((file) => !withoutEngines.test(file));
}

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (!(await needsEngines(project))) return undefined;
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const report = (line: string) => console.log(`${line} (${seconds()} s)`);
  const lab = await bringUpLab({ images, report });
  if (seconds() > 5) report("lab: ready");
  const state: LabState = { engines: lab.engines, registry: lab.registry };
  process.env.GALLEY_LAB_STATE = JSON.stringify(state);
  return () => lab.release();
}
