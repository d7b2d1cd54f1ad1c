import { expect, test, vi } from "vitest";
import type { SolveStatus, Vertex } from "../progress/types.js";
import { watchRegistries } from "./silent-registry.js";

const told = (...vertexes: Vertex[]): SolveStatus => ({ vertexes, statuses: [], logs: [], warnings: [] });
const asking = { digest: "sha256:a", name: "[internal] load metadata for r.example/x:1", started: "1" };

function watching(held: () => boolean = () => false) {
  const watch = watchRegistries(1000, held);
  let failure: unknown;
  watch.silent.catch((error: unknown) => {
    failure = error;
  });
  return { watch, failure: () => failure };
}

test("a registry that does not answer in time is named, once asked", async () => {
  vi.useFakeTimers();
  try {
    const { watch, failure } = watching();
    watch.see(told({ digest: "sha256:b", name: "[1/2] RUN sleep 9", started: "1" }));
    await vi.advanceTimersByTimeAsync(5000);
    expect(failure()).toBeUndefined();
    watch.see(told(asking));
    await vi.advanceTimersByTimeAsync(900);
    watch.see(told(asking));
    expect(failure()).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(failure()).toMatchObject({
      code: "registry_unreachable",
      message: expect.stringContaining("r.example/x:1"),
    });
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ["an answer", { ...asking, completed: "2" }],
  ["an error", { ...asking, error: "not found" }],
])("%s ends the wait", async (_name, answered) => {
  vi.useFakeTimers();
  try {
    const { watch, failure } = watching();
    watch.see(told(asking));
    watch.see(told(answered));
    await vi.advanceTimersByTimeAsync(5000);
    expect(failure()).toBeUndefined();
  } finally {
    vi.useRealTimers();
  }
});

test("while messages are held back nothing is said of registries", async () => {
  vi.useFakeTimers();
  try {
    let held = true;
    const { watch, failure } = watching(() => held);
    watch.see(told(asking));
    await vi.advanceTimersByTimeAsync(5500);
    expect(failure()).toBeUndefined();
    held = false;
    await vi.advanceTimersByTimeAsync(1000);
    expect(failure()).toMatchObject({ code: "registry_unreachable" });
    watch.stop();
  } finally {
    vi.useRealTimers();
  }
});
