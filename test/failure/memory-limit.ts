// A cgroup whose processes may use little memory, for steps that are to be killed for it.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface MemoryLimit {
  /** For `cgroup-parent`. */
  readonly cgroup: string;
  remove(): Promise<void>;
}

/** Where the memory controller is: of version 1, or of version 2 for all of them. */
const root = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].find((path) =>
  existsSync(join(path, "cgroup.procs")),
);

/** Makes one at the top, where an engine with the driver `cgroupfs` looks. */
export async function limitMemory(bytes: number): Promise<MemoryLimit> {
  if (root === undefined) throw new Error("no cgroups are mounted where they are expected");
  const name = `galley-test-${randomBytes(5).toString("hex")}`;
  const path = join(root, name);
  await mkdir(path);
  const first = existsSync(join(path, "memory.limit_in_bytes"));
  await writeFile(join(path, first ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
  if (!first) await writeFile(join(path, "memory.swap.max"), "0").catch(() => {});
  return { cgroup: `/${name}`, remove: () => removeTree(path) };
}

async function removeTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await removeTree(join(path, entry.name));
  await rmdir(path);
}
