import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/setup/longest-first.js";

// Two suites: `unit` needs nothing but Node; `lab` needs the engines that its global set-up brings up.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "proto/**/*.test.ts", "cache/**/*.test.ts"],
          testTimeout: 60_000,
          // Two hundred processes of their own took longer than what the tests in them do.
          isolate: false,
          // The default of a second is less than a process may have to wait for its turn on a busy machine.
          expect: { poll: { timeout: 20_000 } },
        },
      },
      {
        test: {
          name: "lab",
          include: ["test/**/*.test.ts"],
          exclude: ["test/fixtures/**"],
          globalSetup: ["test/setup/lab.ts"],
          // As above: what a hundred files have in common was loaded a hundred times. No file leaves anything in its process that another sees.
          isolate: false,
          testTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
          // Four real engines share two cores with the tests: a step that starves once is tried again, and said to have been.
          retry: process.env.CI ? 1 : 0,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
