import { freePort } from "../../src/cli/up/ports.js";
import { ask, untilAnswers } from "./answers.js";
import type { Bench } from "./bench.js";
import { openCompose } from "./compose.js";
import { commitFile } from "./fixtures.js";
import { constantLoad } from "./load.js";
import type { Measured } from "./measure.js";
import type { Sample } from "./samples.js";
import type { Contender } from "./scenario.js";
import { startWholeGalley, type ToldEvent } from "./whole-galley.js";

/** How a contender deploys. */
export interface Way {
  /** `new`: what was there is taken down before. `running`: it is there, with another commit. `same`: with the same. */
  readonly from: "new" | "running" | "same";
  /** How many services must have been built by it. */
  readonly builds?: number;
  /** Asks the URL all the time until the work is done, and tells `lost` and `sent`. Only where something runs already. */
  readonly load?: boolean;
}

export interface PreviewStage {
  galley(contender: string, way: Way): Contender;
  compose(contender: string, way: Way): Contender;
  close(): Promise<void>;
}

/** A whole Galley and a compose project that deploy one repository, each its own commits of it, on one engine. */
export async function setStage(
  bench: Bench,
  name: string,
  make: (bench: Bench, name: string, port: number) => Promise<Sample>,
): Promise<PreviewStage> {
  const port = await freePort(0);
  const { origin, changed, textWith } = await make(bench, name, port);
  const galley = await startWholeGalley(bench, name);
  await galley.project(name, origin);
  const compose = await openCompose(bench, name);
  const composeUrl = `http://127.0.0.1:${port}/`;
  /** No word is a part of another, and none was built before. */
  const wordOf = (contender: string, { from }: Way, run: number | "first") =>
    `${name}-${contender}-${process.pid}-${from === "same" ? "same" : run}-end`;
  const push = (word: string, ref: string) => commitFile(bench, origin, changed, textWith(word), ref);
  const answers = (word: string) => (url: string, signal: AbortSignal) => untilAnswers(url, word, signal);

  /** Of the last run, by contender. */
  const loads = new Map<string, { readonly sent: number; readonly lost: number }>();
  const underLoad = async (
    contender: string,
    { load }: Way,
    url: string | undefined,
    work: () => Promise<Measured>,
  ): Promise<Measured> => {
    if (!load || url === undefined) return work();
    const asking = constantLoad(url, bench.signal);
    try {
      return await work();
    } finally {
      loads.set(contender, await asking.stop());
    }
  };

  const withGalley = (contender: string, way: Way): Contender => {
    const pr = way.from === "new" ? 2 : 1;
    const head = `refs/pull/${pr}/head`;
    let url: string | undefined;
    let environment: string | undefined;
    let begun = false;
    let events: readonly ToldEvent[] = [];
    const deploy = async () => {
      const requested = await galley.request(name, pr);
      environment = requested.environment.id;
      const done = await galley.running(requested.id);
      url = done.deployment.url ?? "";
      events = done.events;
    };
    return {
      name: contender,
      before: async (run) => {
        if (way.from === "new" && environment !== undefined) await galley.terminate(environment);
        if (way.from !== "new" && !begun) {
          begun = true;
          await push(wordOf(contender, way, "first"), head);
          await deploy();
        }
        if (way.from !== "same") await push(wordOf(contender, way, run), head);
      },
      run: (run) =>
        underLoad(contender, way, url, () =>
          // The URL of a preview that is not there yet is known from the second run on: the first one does not count.
          untilSeen(
            deploy,
            way.from === "same" ? undefined : url,
            answers(wordOf(contender, way, run)),
            bench.signal,
          ),
        ),
      after: async (run) => {
        await checkPages(url ?? "", wordOf(contender, way, run), bench.signal);
        const built = events.filter(({ type, outcome }) => type === "build.finished" && outcome === "built");
        if (way.builds !== undefined && built.length !== way.builds)
          throw new Error(`${name}: ${contender} has built ${built.length} services, not ${way.builds}`);
        return {
          planMs:
            timeOf(events, ({ type }) => type === "deployment.plan") -
            timeOf(events, ({ type }) => type === "deployment.source"),
          imagesMs:
            timeOf(events, ({ state }) => state === "starting") -
            timeOf(events, ({ state }) => state === "preparing"),
          ...loads.get(contender),
        };
      },
    };
  };

  const withCompose = (contender: string, way: Way): Contender => {
    const up = () => compose.up(origin, "change");
    let begun = false;
    return {
      name: contender,
      before: async (run) => {
        await compose.removeClone();
        if (way.from === "new") await compose.down();
        else if (!begun) {
          begun = true;
          await push(wordOf(contender, way, "first"), "refs/heads/change");
          await up();
          await compose.removeClone();
        }
        if (way.from !== "same") await push(wordOf(contender, way, run), "refs/heads/change");
      },
      run: (run) =>
        underLoad(contender, way, composeUrl, () =>
          untilSeen(
            up,
            way.from === "same" ? undefined : composeUrl,
            answers(wordOf(contender, way, run)),
            bench.signal,
          ),
        ),
      after: async (run) => {
        await checkPages(composeUrl, wordOf(contender, way, run), bench.signal);
        return loads.get(contender) ?? {};
      },
    };
  };

  return {
    galley: withGalley,
    compose: withCompose,
    close: async () => {
      await compose.close();
      await galley.close();
    },
  };
}

/**
 * The time until a URL is as wanted, or without one until the work is done. The work is waited for in any case, outside the clock: the
 * next run is not to meet it.
 */
async function untilSeen(
  work: () => Promise<unknown>,
  url: string | undefined,
  seen: (url: string, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<Measured> {
  const over = new AbortController();
  const startedAt = performance.now();
  const done = work();
  try {
    const failed = done.then(() => new Promise<never>(() => {}));
    if (url === undefined) await done;
    else await Promise.race([seen(url, AbortSignal.any([signal, over.signal])), failed]);
    const wallMs = performance.now() - startedAt;
    await done;
    return { wallMs, peakBytes: 0, stdout: "", stderr: "", startedAt, lines: 0 };
  } finally {
    over.abort(new Error("the work has failed"));
  }
}

/** The page with its word and, where the sample has one, the API behind it. */
async function checkPages(url: string, word: string, signal: AbortSignal): Promise<void> {
  const page = await ask(url, signal);
  if (page.status !== 200 || !page.body.includes(word))
    throw new Error(`${url} answers ${page.status} without ${word}:\n${page.body.slice(0, 2000)}`);
}

const timeOf = (events: readonly ToldEvent[], wanted: (event: ToldEvent) => boolean): number =>
  Date.parse(events.find(wanted)?.at ?? "");
