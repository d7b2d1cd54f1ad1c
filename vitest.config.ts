import { defineConfig } from "vitest/config";

// Two suites: `unit` needs nothing but Node; `lab` needs the engines that its global set-up brings up.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "proto/**/*.test.ts", "cache/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "lab",
          include: ["test/**/*.test.ts"],
          exclude: ["test/fixtures/**"],
          globalSetup: ["test/setup/lab.ts"],
          testTimeout: 180_000,
          // Four real engines share two cores with the tests: a step that starves once is tried again, and said to have been.
          retry: process.env.CI ? 1 : 0,
          hookTimeout: 900_000,
        },
      },
    ],
  },
});
