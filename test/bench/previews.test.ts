// The scenarios of a whole Galley in their smallest size: that what they measure is there, and nothing is left of it.
import { afterEach, beforeEach, expect, test } from "vitest";
import { docker, labEngines } from "../support/engines.js";
import { Bench } from "./bench.js";
import { runScenario, type ScenarioResult } from "./run.js";
import type { Scenario } from "./scenario.js";
import { claimOf } from "./scenarios/claim.js";
import { environmentsOf } from "./scenarios/environments.js";
import { logPathOf } from "./scenarios/log-path.js";
import { redeploy } from "./scenarios/push.js";

const engine = labEngines().find(({ name }) => name === "28c")!;
let bench: Bench;
// One for each try: what it has made has names of its own.
beforeEach(async () => {
  const { signal } = new AbortController();
  bench = await Bench.open({
    engine: "28c",
    images: ["busybox:latest"],
    diskBytes: 1e9,
    signal,
    report: () => {},
  });
});
afterEach(async () => {
  await bench?.close();
});

const once = async (scenario: Scenario): Promise<ScenarioResult> => {
  const prepared = await scenario.setUp(bench);
  return await runScenario({ ...scenario, once: true }, prepared, 1, () => {}).finally(prepared.close);
};

test("an unchanged redeploy is measured beside compose, and neither leaves anything on the engine", {
  timeout: 400_000,
}, async () => {
  const { rows } = await once(redeploy);
  expect(
    rows.map(({ subject, yardstick }) => [subject.median > 0, yardstick && yardstick.median > 0]),
  ).toEqual([
    [true, true],
    [true, undefined],
    [true, undefined],
  ]);
  const ours = `label=com.docker.compose.project=galley-bench-${process.pid}-again`;
  expect(await docker(engine, ["ps", "--all", "--quiet", "--filter", ours])).toBe("");
  expect(
    await docker(engine, ["images", "--quiet", "--filter", `reference=galley-bench-${process.pid}-*`]),
  ).toBe("");
  expect(await docker(engine, ["images", "--quiet", "--filter", "reference=galley/again"])).toBe("");
});

test("claims, log lines and many previews are measured", { timeout: 400_000 }, async () => {
  const own = () => engine;
  for (const scenario of [
    claimOf(2),
    logPathOf({ count: 1_000, ticks: 3, engine: own }),
    environmentsOf(2),
  ]) {
    const { rows } = await once(scenario);
    for (const { row, subject } of rows) expect(subject.median, row.title).toBeGreaterThanOrEqual(0);
  }
});
