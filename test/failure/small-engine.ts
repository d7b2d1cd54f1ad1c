// An engine of the test's own, that may be filled up and killed: its data lies on a small disk in memory.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { labDirectory, script } from "../lab/scripts.js";
import { type LabEngine, labRegistry } from "../support/engines.js";

const run = promisify(execFile);

export interface SmallEngine {
  readonly dockerHost: string;
  /** Where its disk is mounted. */
  readonly disk: string;
  /** Gives the disk another size, in megabytes: a full one cannot even be pruned. */
  resize(megabytes: number): Promise<void>;
  /** Ends dockerd without a warning; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Stops what is left and removes all of it. */
  remove(): Promise<void>;
}

/** Brings up a further engine of the same kind. `megabytes` is the size of its disk, `insecure` are registries or networks. */
export async function smallEngine(
  engine: LabEngine,
  megabytes: number,
  { insecure = [] }: { insecure?: readonly string[] } = {},
): Promise<SmallEngine> {
  // Other runs of the tests may bring up theirs at the same time.
  const name = `${engine.name}x${randomBytes(2).toString("hex")}`;
  const folder = join(labDirectory(), name);
  const disk = await mkdtemp(join(tmpdir(), "galley-small-disk-"));
  const remove = async () => {
    await script("engine-down.sh", [name, "--purge"]).catch(() => {});
    const mounts = (await readFile("/proc/mounts", "utf8"))
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "");
    const ours = mounts
      .filter((mount) => mount === disk || mount.startsWith(`${disk}/`))
      .sort()
      .reverse();
    for (const mount of ours) await run("umount", ["-l", mount]);
    await rm(folder, { recursive: true, force: true });
    await rm(disk, { recursive: true, force: true });
  };
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "galley-small-disk", disk]);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    // Not mounted in the engine's own folder, which is swept clean of mounts before it starts.
    await symlink(disk, join(folder, "data"));
    await script("engine-up.sh", [
      engine.name,
      "--name",
      name,
      "--registry-mirror",
      `http://${labRegistry().open}`,
      "--mark",
      ...insecure.flatMap((registry) => ["--insecure-registry", registry]),
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    dockerHost: `unix://${join(folder, "docker.sock")}`,
    disk,
    async resize(size) {
      await run("mount", ["-o", `remount,size=${size}m`, disk]);
    },
    async kill() {
      const pid = Number(await readFile(join(folder, "docker.pid"), "utf8"));
      process.kill(pid, "SIGKILL");
      while (isAlive(pid)) await delay(5);
    },
    remove,
  };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
