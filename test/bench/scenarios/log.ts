import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import type { Measured } from "../measure.js";
import { plainBuild } from "../same-options.js";
import type { Contender, Figures, Scenario } from "../scenario.js";
import { unlimitedEngine } from "../unlimited-engine.js";

const count = 1_000_000;

/** As every engine is: it clips a step's log at 200 KiB a second and at 2 MiB, so that little of it reaches a client. */
export const clippedLog: Scenario = {
  name: "log-clipped",
  summary: "a step that prints 1,000,000 lines, of which the engine drops most",
  setUp: async (bench) => {
    const folder = await makeContext(bench, "log-clipped", `seq 1 ${count}`);
    return {
      contenders: contenders(bench, folder, bench.engine.dockerHost, ({ stdout, stderr }, tool) => {
        if (!/output clipped, log limit/.test(stdout + stderr))
          throw new Error(
            `log-clipped: ${tool} does not say that the log is clipped:\n${stderr.slice(-2000)}`,
          );
        return {};
      }),
      rows: [
        {
          title: "A step that prints 1,000,000 lines (clipped by the engine)",
          subject: "galley",
          yardstick: "buildx",
        },
      ],
    };
  },
};

/**
 * A further engine whose limits are lifted: every line goes through the client. The step goes on for a while after its
 * last line, since buildx stops reading three seconds after a solve has ended, and then fails: so much it is behind.
 */
export const wholeLog: Scenario = {
  name: "log-whole",
  summary: "the same from an engine whose limits are lifted: all lines arrive",
  setUp: async (bench) => {
    const { dockerHost } = await unlimitedEngine(bench);
    const folder = await makeContext(bench, "log-whole", `seq 1 ${count} && sleep 6`);
    return {
      // A tool that leaves lines out for a slow reader may leave out the last: then the end of the run counts.
      contenders: contenders(bench, folder, dockerHost, ({ seenMs, wallMs, lines }) => ({
        lastLineMs: seenMs ?? wallMs,
        lines: Math.min(lines, count),
      })),
      rows: [
        {
          title: "… limits lifted, all arrive: start to the last line printed",
          subject: "galley",
          yardstick: "buildx",
          figure: "lastLineMs",
        },
        {
          title: "… lines printed",
          subject: "galley",
          yardstick: "buildx",
          figure: "lines",
          unit: "lines",
          target: { text: "all", met: (lines) => lines === count },
        },
      ],
      memoryRows: [
        { title: "A step that prints 1,000,000 lines, all arrive", subject: "galley", yardstick: "buildx" },
      ],
    };
  },
};

/** buildx stops reading the status three seconds after the end of the solve, and fails if it was not done. */
const behind = { pattern: /failed to receive status/, words: "fails: cannot keep up" };

async function makeContext(bench: Bench, name: string, command: string): Promise<string> {
  const folder = join(bench.folder, name);
  await mkdir(folder);
  await writeFile(join(folder, "Dockerfile"), `FROM busybox\nRUN ${command}\n`);
  return folder;
}

function contenders(
  bench: Bench,
  folder: string,
  dockerHost: string,
  after: (measured: Measured, tool: string) => Figures,
): Contender[] {
  const args = [...plainBuild, "--no-cache", "-o", "type=cacheonly", folder];
  return (["galley", "buildx"] as const).map((tool) => ({
    name: tool,
    ...(tool === "buildx" && { knownFailure: behind }),
    run: () => bench.measure({ ...bench[tool](args, { DOCKER_HOST: dockerHost }), watchFor: ` ${count}\n` }),
    after: (_run, measured) => after(measured, tool),
  }));
}
