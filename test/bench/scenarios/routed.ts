import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { untilAnswers } from "../answers.js";
import type { Bench } from "../bench.js";
import { commitFile, makeRepository } from "../fixtures.js";
import type { Prepared, Scenario } from "../scenario.js";
import { timed } from "../timed.js";
import { startWholeGalley } from "../whole-galley.js";

const project = "routed";
const manifest = JSON.stringify({
  version: 1,
  services: {
    web: {
      kind: "web",
      image: "busybox",
      command: [
        "sh",
        "-c",
        "mkdir /www; echo up > /www/index.html; trap 'exit 0' TERM; httpd -f -p 8080 -h /www & wait",
      ],
      expose: 8080,
      health: { path: "/" },
    },
  },
});

/** What a preview that is well waits for until somebody can see it. */
export const routed: Scenario = {
  name: "routed",
  summary:
    "a new preview: from the agent's word that its service is healthy to the first answer through the ingress",
  beside: "nothing",
  images: [],
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const { signal } = bench;
  const folder = join(bench.folder, "routed-files");
  const origin = join(bench.folder, "routed.git");
  await mkdir(folder);
  await writeFile(join(folder, "galley.yml"), manifest);
  await makeRepository(bench, origin, folder);
  await commitFile(bench, origin, "pr", "1\n", "refs/pull/1/head");
  const galley = await startWholeGalley(bench, project);
  await galley.project(project, origin);
  const url = galley.previewUrl(project, 1);
  let environment: string | undefined;
  let routedMs = 0;
  const subject = "galley";
  return {
    contenders: [
      {
        name: subject,
        before: async () => {
          if (environment !== undefined) await galley.terminate(environment);
        },
        run: () =>
          timed(async () => {
            const over = new AbortController();
            const answering = untilAnswers(url, "up", AbortSignal.any([signal, over.signal])).then(() =>
              Date.now(),
            );
            answering.catch(() => {});
            try {
              const requested = await galley.request(project, 1);
              environment = requested.environment.id;
              const { events } = await galley.running(requested.id);
              const healthy = events.find(
                ({ type, state }) => type === "service.state" && state === "healthy",
              );
              routedMs = (await answering) - Date.parse(healthy?.at ?? "");
            } finally {
              over.abort(new Error("the deployment has failed"));
            }
          }),
        after: () => ({ routedMs }),
      },
    ],
    rows: [
      {
        title: "A new preview's service is healthy, until it answers through the ingress",
        subject,
        figure: "routedMs",
        unit: "ms",
      },
      { title: "… the whole of it, from the request, nothing to build", subject },
    ],
    memoryRows: [],
    close: galley.close,
  };
}
