import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { docker, type LabEngine } from "../support/engines.js";
import { labEngine } from "./engine.js";
import { labDirectory, script } from "./scripts.js";

// An instance of its own, so that the engines of the other tests are left in peace.
const name = "life";
const folder = join(labDirectory(), name);
const engine: LabEngine = { ...labEngine("20"), dockerHost: `unix://${join(folder, "docker.sock")}` };

afterAll(() => script("engine-down.sh", [name, "--purge"]));

async function pidOf(container: string): Promise<number> {
  return Number(await docker(engine, ["inspect", "--format", "{{.State.Pid}}", container]));
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** What this instance has in the kernel: mounts, bridge, firewall rules. */
async function traces(): Promise<string[]> {
  const mounts = (await readFile("/proc/mounts", "utf8"))
    .split("\n")
    .filter((line) => line.includes(` ${folder}/`));
  const links = (await script("-c", ["ip -o link show type bridge"]))
    .split("\n")
    .filter((line) => line.includes(`-${name}:`));
  const rules = (await script("-c", ["iptables -w -S FORWARD; iptables -w -t nat -S POSTROUTING"]))
    .split("\n")
    .filter((line) => line.includes(`galley-lab-${name} `) || line.includes(`galley-lab-${name}"`));
  return [...mounts, ...links, ...rules];
}

test("an engine comes up beside others, again after its daemon was killed, and goes down without a trace", async () => {
  const { dockerHost } = engine;
  expect(await script("engine-up.sh", ["20", "--name", name])).toContain(`export DOCKER_HOST=${dockerHost}`);
  expect(await traces()).not.toEqual([]);
  const daemon = async () => Number(await readFile(join(folder, "docker.pid"), "utf8"));
  const first = await daemon();

  // A second call finds it and lets it run.
  await script("engine-up.sh", ["20", "--name", name]);
  expect(await daemon()).toBe(first);

  const image = "127.0.0.1:5000/library/busybox:latest".replace(
    "5000",
    process.env.LAB_REGISTRY_PORT || "5000",
  );
  const running = (await docker(engine, ["run", "--detach", image, "sleep", "600"])).trim();
  const orphan = await pidOf(running);
  process.kill(first, "SIGKILL");
  await script("engine-up.sh", ["20", "--name", name]);
  expect(await daemon()).not.toBe(first);
  expect(alive(orphan), "the container of the killed daemon is still there").toBe(false);

  await docker(engine, ["start", running]);
  const last = await pidOf(running);
  await script("engine-down.sh", [name]);
  expect(alive(last)).toBe(false);
  expect(await traces()).toEqual([]);
});
