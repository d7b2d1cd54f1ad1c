// Global set-up of the suite that needs real engines: brings the lab up once for all files, and says what takes long.
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
];

export default async function setup(): Promise<() => Promise<void>> {
  const began = Date.now();
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const report = (line: string) => console.log(`${line} (${seconds()} s)`);
  const lab = await bringUpLab({ images, report });
  if (seconds() > 5) report("lab: ready");
  const state: LabState = { engines: lab.engines, registry: lab.registry };
  process.env.GALLEY_LAB_STATE = JSON.stringify(state);
  return () => lab.release();
}
