import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { commitFile, makeRepository } from "../fixtures.js";
import { type Prepared, type Scenario, target } from "../scenario.js";
import { percentile } from "../summary.js";
import { timed } from "../timed.js";
import { startWholeGalley, type ToldEvent } from "../whole-galley.js";

/**
 * From a job's arrival at the bus to the agent's word that it has claimed it, one job at a time. Each deployment ends at once, as its
 * manifest is none.
 */
export const claimOf = (jobs: number): Scenario => ({
  name: "claim",
  summary: `${jobs} jobs, one after the other: published to claimed`,
  beside: "nothing",
  images: [],
  setUp: (bench) => setUp(bench, jobs),
});

async function setUp(bench: Bench, jobs: number): Promise<Prepared> {
  const folder = join(bench.folder, "claim-files");
  const origin = join(bench.folder, "claim.git");
  await mkdir(folder);
  await writeFile(join(folder, "README.md"), "nothing to deploy\n");
  await makeRepository(bench, origin, folder);
  await commitFile(bench, origin, "galley.yml", "version: 99\n", "refs/pull/1/head");
  const galley = await startWholeGalley(bench, "claim");
  await galley.project("claim", origin);
  const published = new Map<string, number>();
  const watch = await galley.watchJobs((deployment, at) => published.set(deployment, at));
  const one = async () => {
    const askedAt = Date.now();
    const { id } = await galley.request("claim", 1);
    const events: ToldEvent[] = [];
    for await (const told of galley.follow(id)) {
      if (told.kind === "event") events.push(told.event);
      if (told.kind === "end" && told.deployment.error?.code !== "manifest_invalid")
        throw new Error(`claim: a deployment ended otherwise: ${JSON.stringify(told.deployment.error)}`);
    }
    const claimedAt = Date.parse(events.find(({ state }) => state === "claimed")?.at ?? "");
    const publishedAt = published.get(id) ?? Number.NaN;
    return { claimMs: claimedAt - publishedAt, requestMs: claimedAt - askedAt };
  };
  let latencies: { claimMs: number; requestMs: number }[] = [];
  return {
    contenders: [
      {
        name: "galley",
        run: () =>
          timed(async () => {
            latencies = [];
            while (latencies.length < jobs) latencies.push(await one());
          }),
        after: () => {
          const claims = latencies.map(({ claimMs }) => claimMs);
          if (!claims.every(Number.isFinite)) throw new Error("claim: a job was claimed and not published");
          return {
            p50: percentile(claims, 50),
            p99: percentile(claims, 99),
            requestP50: percentile(
              latencies.map(({ requestMs }) => requestMs),
              50,
            ),
          };
        },
      },
    ],
    rows: [
      {
        title: "Job published to job claimed, p50",
        subject: "galley",
        figure: "p50",
        unit: "ms",
        target: target.within(20),
      },
      {
        title: "… p99",
        subject: "galley",
        figure: "p99",
        unit: "ms",
        target: target.within(150),
      },
      {
        title: "… from the HTTP request for it, p50",
        subject: "galley",
        figure: "requestP50",
        unit: "ms",
      },
    ],
    memoryRows: [],
    close: async () => {
      await watch.close();
      await galley.close();
    },
  };
}
