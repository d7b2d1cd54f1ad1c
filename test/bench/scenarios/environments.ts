import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { ask } from "../answers.js";
import type { Bench } from "../bench.js";
import { countCalls } from "../engine-calls.js";
import { commitFile, makeRepository } from "../fixtures.js";
import type { Prepared, Scenario } from "../scenario.js";
import { timed } from "../timed.js";
import { startWholeGalley } from "../whole-galley.js";

const project = "many";
/** Ends at once when it is told to. */
const service = (command: string, more: object = {}) => ({
  image: "busybox",
  command: ["sh", "-c", `trap 'exit 0' TERM; ${command} & wait`],
  ...more,
});
const manifest = JSON.stringify({
  version: 1,
  services: {
    web: service("mkdir /www; echo up > /www/index.html; httpd -f -p 8080 -h /www", {
      kind: "web",
      expose: 8080,
      health: { path: "/" },
      depends_on: ["db"],
    }),
    db: service("sleep 86400"),
  },
});

/** So many small previews asked for at once, until all of them run, and then until all are gone. `count`: default is what was asked for. */
export const environmentsOf = (count?: number): Scenario => ({
  name: "environments",
  summary:
    "small previews of two services, all asked for at once: up and down, and what that asks of the engine",
  beside: "nothing",
  images: [],
  setUp: (bench) => setUp(bench, count ?? bench.options.environments ?? 20),
});

async function setUp(bench: Bench, count: number): Promise<Prepared> {
  const { signal } = bench;
  const prs = Array.from({ length: count }, (_, index) => index + 1);
  const folder = join(bench.folder, "many-files");
  const origin = join(bench.folder, "many.git");
  await mkdir(folder);
  await writeFile(join(folder, "galley.yml"), manifest);
  await makeRepository(bench, origin, folder);
  for (const pr of prs) await commitFile(bench, origin, "pr", `${pr}\n`, `refs/pull/${pr}/head`);
  const engine = await countCalls(bench.engine.dockerHost);
  bench.atEnd(() => engine.close());
  const galley = await startWholeGalley(bench, project, bench.engine, engine.dockerHost);
  await galley.project(project, origin);
  const perMinute = (ms: number) => count / (ms / 60_000);
  let figures: Readonly<Record<string, number>> = {};
  const round = async () => {
    engine.calls();
    const begun = performance.now();
    const asked = await Promise.all(prs.map((pr) => galley.request(project, pr)));
    await Promise.all(asked.map(({ id }) => galley.until(id, "running")));
    const up = performance.now() - begun;
    const callsUp = engine.calls();
    for (const pr of prs) {
      const { status, body } = await ask(galley.previewUrl(project, pr), signal);
      if (status !== 200 || body !== "up\n")
        throw new Error(`environments: the preview of ${pr} answers ${status} ${body.slice(0, 200)}`);
    }
    engine.calls();
    const ending = performance.now();
    await Promise.all(asked.map(({ environment }) => galley.terminate(environment.id)));
    const down = performance.now() - ending;
    figures = {
      upPerMinute: perMinute(up),
      downPerMinute: perMinute(down),
      callsUp: callsUp / count,
      callsDown: engine.calls() / count,
    };
  };
  const subject = "galley";
  return {
    contenders: [{ name: subject, run: () => timed(round), after: () => figures }],
    rows: [
      {
        title: `${count} previews of two services at once, up`,
        subject,
        figure: "upPerMinute",
        unit: "a minute",
      },
      { title: "… down", subject, figure: "downPerMinute", unit: "a minute" },
      { title: "… calls of the engine for each, up", subject, figure: "callsUp", unit: "calls" },
      { title: "… down", subject, figure: "callsDown", unit: "calls" },
    ],
    memoryRows: [],
    close: galley.close,
  };
}
