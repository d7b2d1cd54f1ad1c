import type { LabEngine } from "../../lab/engine.js";
import type { Bench } from "../bench.js";
import { commitFile } from "../fixtures.js";
import { makeLoud } from "../loud-sample.js";
import { type Contender, type Prepared, type Scenario, target } from "../scenario.js";
import { countStored, firstLine, untilStored } from "../stored-lines.js";
import { percentile } from "../summary.js";
import { timed } from "../timed.js";
import { unlimitedEngine } from "../unlimited-engine.js";
import { startWholeGalley } from "../whole-galley.js";

export interface LogPathSize {
  /** Printed as fast as it goes. */
  readonly count: number;
  /** Printed one by one, twenty a second. */
  readonly ticks: number;
  /** Default: one that does not clip. */
  readonly engine?: (bench: Bench) => LabEngine | Promise<LabEngine>;
}

/** A line's way from a step, by engine, agent and bus, into the server's database, and on to who follows. */
export const logPathOf = (size: LogPathSize): Scenario => ({
  name: "logs",
  summary: "lines of a step until the server has stored them, and until a client has been told",
  beside: "nothing",
  images: [],
  setUp: (bench) => setUp(bench, size),
});

async function setUp(
  bench: Bench,
  { count, ticks, engine = unlimitedEngine }: LogPathSize,
): Promise<Prepared> {
  const { signal } = bench;
  const galley = await startWholeGalley(bench, "logs", await engine(bench));
  const loud = await makeLoud(bench, "loud", { loud: `seq 1 ${count}` });
  const slow = await makeLoud(bench, "slow", {
    slow: `for i in $(seq 1 ${ticks}); do echo tick $i; usleep 50000; done`,
  });
  await galley.project("loud", loud);
  await galley.project("slow", slow);
  const push = (origin: string, run: number) =>
    commitFile(bench, origin, "word", `${process.pid} ${run}\n`, "refs/pull/1/head");
  let deployment = "";
  let storedAt = 0;
  const throughput: Contender = {
    name: "throughput",
    before: (run) => push(loud, run),
    run: () =>
      timed(async () => {
        const requested = await galley.request("loud", 1);
        deployment = requested.id;
        // The image is there, and every line on its way.
        await galley.until(deployment, "starting", "running");
        await untilStored(galley.api, deployment, String(count), signal);
        storedAt = Date.now();
      }),
    after: async () => {
      await galley.until(deployment, "running");
      const first = Date.parse((await firstLine(galley.api, deployment)).at);
      const { lines, unexpected } = await countStored(galley.api, deployment);
      if (lines !== count || unexpected)
        throw new Error(`logs: ${lines} of ${count} lines were stored; ${unexpected}`);
      return { linesPerSecond: count / ((storedAt - first) / 1000) };
    },
  };
  let latencies: number[] = [];
  const glass: Contender = {
    name: "glass",
    before: (run) => push(slow, run),
    run: () =>
      timed(async () => {
        latencies = [];
        const { id } = await galley.request("slow", 1);
        for await (const told of galley.follow(id)) {
          if (told.kind === "end" && told.deployment.state !== "running")
            throw new Error(`logs: a deployment is ${told.deployment.state}`);
          if (told.kind !== "event" || told.event.type !== "step.log") continue;
          const now = Date.now();
          const lines = told.event.lines as readonly { readonly at: string; readonly text: string }[];
          for (const { at } of lines) latencies.push(now - Date.parse(at));
        }
      }),
    after: () => {
      if (latencies.length !== ticks)
        throw new Error(`logs: ${latencies.length} of ${ticks} lines were told`);
      return { p50: percentile(latencies, 50), p99: percentile(latencies, 99) };
    },
  };
  return {
    contenders: [throughput, glass],
    rows: [
      {
        title: `${count.toLocaleString("en")} lines of a step, until the server has stored the last`,
        subject: "throughput",
        figure: "linesPerSecond",
        unit: "lines/s",
        target: { text: "≥ 50,000 lines/s", met: (rate) => rate >= 50_000 },
      },
      {
        title: "A line from the step to who follows by SSE, p50",
        subject: "glass",
        figure: "p50",
        unit: "ms",
        target: target.within(300),
      },
      { title: "… p99", subject: "glass", figure: "p99", unit: "ms", target: target.within(300) },
    ],
    memoryRows: [],
    close: galley.close,
  };
}
