import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Bench } from "../bench.js";
import { commitFile, makeRepository } from "../fixtures.js";
import { makeKept } from "../kept-directory.js";
import { type Contender, type Prepared, type Row, type Scenario, type Target, target } from "../scenario.js";
import { timed } from "../timed.js";
import { startWholeGalley } from "../whole-galley.js";

const idleMs = 5_000;

/** What an agent pays for what it keeps, while nobody asks about it. */
export const cacheIdle: Scenario = {
  name: "cache-idle",
  summary: "an agent that keeps caches of 200 repositories, and one that keeps none",
  beside: "nothing",
  topic: "caches",
  images: [],
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "idle-files");
  const origin = join(bench.folder, "idle.git");
  await mkdir(folder);
  await writeFile(join(folder, "Dockerfile"), 'FROM busybox\nCMD ["sleep", "1000000"]\n');
  const services = { app: { kind: "worker", build: {} } };
  await writeFile(join(folder, "galley.yml"), JSON.stringify({ version: 1, services }));
  await makeRepository(bench, origin, folder);
  await commitFile(bench, origin, "word", "idle\n", "refs/pull/1/head");
  const agent = async (name: string, keeps: boolean): Promise<Contender & { close(): Promise<void> }> => {
    const place = `idle-${name}`;
    if (keeps)
      await makeKept(
        join(bench.folder, `galley-${place}`, "agent"),
        { repositories: 200, records: 10_000 },
        bench.signal,
      );
    const galley = await startWholeGalley(bench, place);
    await galley.project("idle", origin);
    return {
      name,
      run: () =>
        timed(async () => {
          await galley.running((await galley.request("idle", 1)).id);
        }),
      after: async () => {
        await galley.agent.lagMs();
        const before = galley.agent.cpuMs();
        await delay(idleMs, undefined, { signal: bench.signal });
        return {
          cpuMs: galley.agent.cpuMs() - before,
          residentBytes: galley.agent.residentBytes(),
          lagMs: await galley.agent.lagMs(),
        };
      },
      close: galley.close,
    };
  };
  const kept = await agent("kept", true);
  const none = await agent("none", false);
  const rows = (title: string, figure: Pick<Row, "figure" | "unit">, target: Target): Row[] => [
    { title, subject: "kept", yardstick: "none", ...figure, target },
    { title: "… of an agent that keeps nothing", subject: "none", ...figure },
  ];
  return {
    contenders: [kept, none],
    rows: [
      ...rows("An unchanged commit once more, caches of 200 repositories kept", { unit: "ms" }, nearly(1.1)),
      ...rows(`… processor time in ${idleMs / 1000} s of rest`, { figure: "cpuMs", unit: "ms" }, fewPercent),
      ...rows("… memory then", { figure: "residentBytes", unit: "MB" }, nearly(1.1)),
      ...rows("… lag of its event loop then, p99", { figure: "lagMs", unit: "ms" }, target.within(50)),
    ],
    memoryRows: [],
    close: async () => {
      await kept.close();
      await none.close();
    },
  };
}

/** The heartbeat and the like; a tick of the clock that it is counted in is 10 ms. */
const fewPercent: Target = { text: "≤ 2 % of one", met: (ms) => ms <= idleMs / 50 };
const nearly = (times: number): Target => ({
  text: `≤ ${times} × without`,
  met: (_, ratio) => ratio <= times,
});
