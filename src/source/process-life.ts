import { readFileSync, readlinkSync } from "node:fs";

/**
 * When a process started, in ticks since boot (proc(5), field 22 of stat); undefined when there is no such process or it is
 * only waiting to be reaped. Tells a process from a later one with the same id. Where there is no /proc it is "0" for every process
 * that lives.
 */
export function startOf(pid: number): string | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return process.platform === "linux" ? undefined : signalable(pid);
  }
  // The name in parentheses may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

function signalable(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return "0";
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM" ? "0" : undefined;
  }
}

/** Names the boot and the pid namespace: process ids of another one say nothing here. `[0-9a-f]+`. */
export function processSpace(): string {
  const read = (act: () => string) => {
    try {
      return act();
    } catch {
      return "";
    }
  };
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1"))
    .replace(/[^0-9a-f]/g, "")
    .slice(0, 8);
  const space = read(() => readlinkSync("/proc/self/ns/pid")).replace(/\D/g, "");
  return `${boot || "0"}${Number(space || 0).toString(16)}`;
}

/** Kills a process and the group that it leads, if it is still the one that started then. */
export function killGroup(pid: number, start: string): void {
  if (pid <= 1 || startOf(pid) !== start) return;
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}
