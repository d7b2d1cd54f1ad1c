import { expect, test } from "vitest";
import { usage } from "./stats.js";

test("CPU is the share of one second over all CPUs, and memory leaves out what the file cache could give back", () => {
  const raw = {
    cpu_stats: { cpu_usage: { total_usage: 1_500 }, system_cpu_usage: 12_000, online_cpus: 4 },
    precpu_stats: { cpu_usage: { total_usage: 1_000 }, system_cpu_usage: 10_000 },
    memory_stats: { usage: 100, limit: 1_000, stats: { inactive_file: 40 } },
    pids_stats: { current: 3 },
  };
  expect(usage(raw)).toEqual({ cpuPercent: 100, memory: 60, memoryLimit: 1_000, processes: 3 });
  const older = { ...raw, memory_stats: { usage: 100, limit: 1_000, stats: { total_inactive_file: 10 } } };
  expect(usage(older)?.memory).toBe(90);
});

test("a container that does not run uses nothing that could be told", () => {
  expect(usage({ memory_stats: {}, cpu_stats: {}, precpu_stats: {} })).toBeUndefined();
});
