import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { docker, labEngines } from "../support/engines.js";
import { freePorts, natsBinary } from "../support/nats.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const engine = labEngines().find(({ name }) => name === "28c")!;
const image = `galley-test-nats-${process.pid}:latest`;
let root: string;
let port = 0;
const running: ChildProcess[] = [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "galley-up-"));
  [port = 0] = await freePorts(1);
});
beforeAll(async () => {
  // Made as the official image is: the server alone, which is its entry point.
  const context = mkdtempSync(join(tmpdir(), "galley-nats-image-"));
  copyFileSync(await natsBinary("2.9"), join(context, "nats-server"));
  const dockerfile =
    'FROM debian:bookworm-slim\nCOPY nats-server /nats-server\nENTRYPOINT ["/nats-server"]\n';
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  await docker(engine, ["build", "-q", "-t", image, context]);
  rmSync(context, { recursive: true });
});
afterEach(async () => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
  await docker(engine, ["rm", "-f", ...(await containers())]).catch(() => {});
  rmSync(root, { recursive: true, force: true });
});
afterAll(async () => {
  await docker(engine, ["rmi", "-f", image]).catch(() => {});
});

const containers = async () =>
  (await docker(engine, ["ps", "-aq", "--no-trunc", "--filter", `ancestor=${image}`]))
    .split("\n")
    .filter((line) => line !== "");

async function up(): Promise<{ child: ChildProcess; ended: Promise<unknown[]> }> {
  const args = ["--data-dir", root, "--nats-server", `docker:${image}`, "--port", String(port)];
  const child = spawn(process.execPath, [main, "up", ...args], {
    env: {
      PATH: engine.path,
      HOME: root,
      DOCKER_HOST: engine.dockerHost,
      DOCKER_CONFIG: engine.dockerConfig,
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  running.push(child);
  const ended = once(child, "close");
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("The dashboard is at")) resolve();
    });
    void ended.then(([code]) => reject(new Error(`ended with ${code}:\n${said}`)));
  });
  return { child, ended };
}

test("where there is no nats-server the bus is a container, which a killed galley up leaves to the next one, and an ended one does not leave", async () => {
  const first = await up();
  const [before] = await containers();
  expect(before).toBeDefined();
  const { children } = JSON.parse(readFileSync(join(root, "running.json"), "utf8")) as { children: number[] };
  first.child.kill("SIGKILL");
  await first.ended;
  // The `docker run` as well: its container goes on without it.
  for (const pid of children) process.kill(pid, "SIGKILL");
  expect(await containers()).toEqual([before]);

  const second = await up();
  const after = await containers();
  expect(after).toHaveLength(1);
  expect(after).not.toEqual([before]);
  second.child.kill("SIGTERM");
  expect((await second.ended)[0]).toBe(0);
  await expect.poll(containers, { timeout: 90_000, interval: 100 }).toEqual([]);
});
