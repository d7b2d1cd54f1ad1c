import { expect, test } from "vitest";
import { withResults } from "./document.js";
import { readOptions, UsageError } from "./options.js";
import { runScenario } from "./run.js";
import type { Contender } from "./scenario.js";
import { scenarios } from "./scenarios/index.js";
import { percentile, summarise } from "./summary.js";
import { results } from "./table.js";
import { readLogs, readTransfer } from "./transfer.js";

const line = (value: object) => `${JSON.stringify(value)}\n`;

const contender = (name: string, walls: number[], log: string[]): Contender => ({
  name,
  run: async (run) => {
    log.push(`${name}${run}`);
    return { wallMs: walls[run] ?? 0, peakBytes: 1, stdout: "", stderr: "", lines: 0, startedAt: 0 };
  },
});

test("The contenders run in turn, and the first run of each does not count.", async () => {
  const log: string[] = [];
  const { rows } = await runScenario(
    { name: "s", summary: "", setUp: () => Promise.reject(new Error("unused")) },
    {
      contenders: [contender("a", [999, 10, 30, 20], log), contender("b", [999, 40, 50, 60], log)],
      rows: [
        {
          title: "t",
          subject: "a",
          yardstick: "b",
          target: { text: "≤ 0.3", met: (_, ratio) => ratio <= 0.3 },
        },
      ],
    },
    3,
    () => {},
  );
  expect(log).toEqual(["a0", "b0", "a1", "b1", "a2", "b2", "a3", "b3"]);
  expect(rows).toMatchObject([{ subject: { median: 20, min: 10, max: 30 }, ratio: 0.4, met: false }]);
});

test("A run that fails ends the scenario, unless its failure is known: then the table says so.", async () => {
  const failing = (knownFailure?: Contender["knownFailure"]): Contender => ({
    name: "b",
    ...(knownFailure && { knownFailure }),
    run: () => Promise.reject(new Error("fell behind")),
  });
  const scenario = { name: "s", summary: "", setUp: () => Promise.reject(new Error("unused")) };
  const rows = [{ title: "t", subject: "a", yardstick: "b" }];
  const of = (b: Contender) =>
    runScenario(scenario, { contenders: [contender("a", [1, 1], []), b], rows }, 1, () => {});
  await expect(of(failing())).rejects.toThrow("fell behind");
  const { rows: results } = await of(failing({ pattern: /behind/, words: "fails: too slow" }));
  expect(results[0]?.yardstickFailed).toBe("fails: too slow");
  expect(results[0]?.ratio).toBeUndefined();
});

test("The median of an even number of samples lies between the two in the middle.", () => {
  expect(summarise([4, 1, 3, 2])).toMatchObject({ median: 2.5, min: 1, max: 4 });
});

test("The transfer of the context is read from rawjson, and that of .dockerignore is not taken for it.", () => {
  const status = (vertex: string, current: number, completed?: string) => ({
    statuses: [
      {
        id: "transferring context:",
        vertex,
        current,
        timestamp: "2026-01-01T00:00:00Z",
        started: "2026-01-01T00:00:00.25Z",
        ...(completed && { completed }),
      },
    ],
  });
  const rawjson = [
    line({ vertexes: [{ digest: "sha256:1", name: "[internal] load .dockerignore" }] }),
    line({ vertexes: [{ digest: "sha256:2", name: "[internal] load build context" }] }),
    line(status("sha256:2", 500)),
    line(status("sha256:2", 1000, "2026-01-01T00:00:01.750000001Z")),
    line(status("sha256:1", 2, "2026-01-01T00:00:02Z")),
    line({ logs: [{ data: Buffer.from("hello").toString("base64") }] }),
  ].join("");
  const { bytes, ms } = readTransfer(rawjson);
  expect(bytes).toBe(1000);
  expect(ms).toBeCloseTo(1500, 3);
  expect(readLogs(rawjson)).toBe("hello");
  expect(() => readTransfer(line(status("sha256:1", 2)))).toThrow("no finished transfer");
});

test("Results replace those of the same engine and yardstick in the page, and leave the rest as it is.", () => {
  const place = { engine: "28c", topic: "builds and previews", yardstick: "buildx" } as const;
  const once = withResults("# Title\n\nnotes\n", place, "first");
  const others = withResults(
    withResults(once, { ...place, engine: "26" }, "other"),
    { ...place, yardstick: "nothing" },
    "alone",
  );
  const caches = withResults(others, { ...place, topic: "caches" }, "of caches");
  const twice = withResults(caches, place, "second");
  expect(twice).toContain("# Title\n\nnotes\n");
  for (const results of ["second", "other", "alone", "of caches"]) expect(twice).toContain(results);
  expect(twice).not.toContain("first");
});

test("The 99th percentile of a hundred values is the second largest, and that of a few the largest.", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([percentile(hundred, 50), percentile(hundred, 99), percentile([3, 1, 2], 99)]).toEqual([50, 99, 3]);
});

test("What was measured beside each yardstick is a table of its own, which says what it leaves out.", () => {
  const row = (scenario: string, median: number, yardstick?: number) => ({
    scenario,
    row: { title: scenario, subject: "galley", unit: "ms" as const },
    subject: summarise([median]),
    ...(yardstick && { yardstick: summarise([yardstick]), ratio: median / yardstick }),
  });
  const parts = results([row("start", 1, 2), row("redeploy", 3, 4), row("claim", 5)], [], scenarios);
  expect(parts.map(({ yardstick }) => yardstick)).toEqual(["buildx", "compose", "nothing"]);
  expect(parts[1]?.text).toMatch(/compose: median.*\n.*\n\| redeploy +\| 3 ms .*\| 4 ms .*\| 0\.75 ×/);
  expect(parts[1]?.text).toContain("Not in this run: push-to-url, one-of-five, switch.");
  expect(results([row("cache-ls", 1), row("claim", 2)], [], scenarios).map(({ topic }) => topic)).toEqual([
    "builds and previews",
    "caches",
  ]);
  expect(parts[2]?.text).not.toContain("ratio");
  expect(parts[2]?.text).toMatch(/\| claim +\| 5 ms/);
});

test("An option that cannot be meant is refused with a sentence.", () => {
  expect(() => readOptions(["--only", "nothing"], scenarios)).toThrow(UsageError);
  expect(() => readOptions(["--write", "--runs", "1"], scenarios)).toThrow("at least 5");
  expect(() => readOptions(["--engine", "27"], scenarios)).toThrow("28c, 28, 26 or 20");
  expect(() => readOptions(["--environments", "0"], scenarios)).toThrow("a whole number from 1");
  expect(readOptions([], scenarios)?.environments).toBe(20);
  expect(readOptions(["--help"], scenarios)).toBeUndefined();
});
