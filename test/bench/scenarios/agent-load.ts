import { setTimeout as delay } from "node:timers/promises";
import type { LabEngine } from "../../lab/engine.js";
import type { Bench } from "../bench.js";
import { commitFile } from "../fixtures.js";
import { makeLoud } from "../loud-sample.js";
import { type Prepared, type Scenario, target } from "../scenario.js";
import { countStored, untilStored } from "../stored-lines.js";
import { timed } from "../timed.js";
import { unlimitedEngine } from "../unlimited-engine.js";
import { startWholeGalley } from "../whole-galley.js";

const services = ["one", "two", "three", "four"] as const;

export interface AgentLoadSize {
  /** Of each service. */
  readonly lines: number;
  /** Milliseconds of rest before the memory is looked at again. Default 10,000. */
  readonly restMs?: number;
  /** Default: one that does not clip. */
  readonly engine?: (bench: Bench) => LabEngine | Promise<LabEngine>;
}

/** What the agent's process takes while nothing happens, and while four builds print as fast as they can. */
export const agentLoadOf = (size: AgentLoadSize): Scenario => ({
  name: "agent-load",
  summary: "memory and event-loop lag of the agent, idle and under four builds that print 1,000,000 lines",
  beside: "nothing",
  images: [],
  setUp: (bench) => setUp(bench, size),
});

async function setUp(
  bench: Bench,
  { lines, restMs = 10_000, engine = unlimitedEngine }: AgentLoadSize,
): Promise<Prepared> {
  const { signal } = bench;
  const origin = await makeLoud(
    bench,
    "load",
    // Each another step: of equal ones only one would be built.
    Object.fromEntries(services.map((service) => [service, `echo ${service} && seq 1 ${lines}`])),
  );
  const galley = await startWholeGalley(bench, "load", await engine(bench));
  await galley.project("load", origin);
  // Its connections are made, and what the start took is free.
  await delay(2_000, undefined, { signal });
  const freshBytes = galley.agent.residentBytes();
  let lagMs = 0;
  let deployment = "";
  return {
    contenders: [
      {
        name: "galley",
        before: async (run) => {
          await commitFile(bench, origin, "word", `${process.pid} ${run}\n`, "refs/pull/1/head");
          galley.agent.forgetPeak();
          await galley.agent.lagMs();
        },
        run: () =>
          timed(async () => {
            deployment = (await galley.request("load", 1)).id;
            await galley.until(deployment, "running");
            lagMs = await galley.agent.lagMs();
          }),
        after: async () => {
          const loadBytes = galley.agent.peakBytes();
          // Node gives memory back when a process has been quiet for a while.
          await delay(restMs, undefined, { signal });
          return { freshBytes, lagMs, loadBytes, restBytes: galley.agent.residentBytes() };
        },
      },
    ],
    rows: [
      {
        title: "Agent's memory, idle after its start",
        subject: "galley",
        figure: "freshBytes",
        unit: "MB",
        target: target.megabytes(150),
      },
      {
        title: "… at most, under four builds that print 1,000,000 lines",
        subject: "galley",
        figure: "loadBytes",
        unit: "MB",
        target: target.megabytes(300),
      },
      {
        title: "… lag of its event loop meanwhile, p99",
        subject: "galley",
        figure: "lagMs",
        unit: "ms",
        target: target.within(50),
      },
      {
        title: `… idle ${restMs / 1000} s after such a deployment`,
        subject: "galley",
        figure: "restBytes",
        unit: "MB",
        target: target.megabytes(150),
      },
      { title: "… until all four run", subject: "galley" },
    ],
    memoryRows: [],
    verify: async () => {
      await untilStored(galley.api, deployment, String(lines), signal);
      const { lines: stored } = await countStored(galley.api, deployment);
      const wanted = services.length * (lines + 1);
      if (stored !== wanted) throw new Error(`agent-load: ${stored} of ${wanted} lines were stored`);
    },
    close: galley.close,
  };
}
