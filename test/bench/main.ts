// npm run bench: `galley build` beside `docker buildx build`. --help says how.
import { Bench } from "./bench.js";
import { documentPath, writeResults } from "./document.js";
import { describeMachine, type Machine, machineSentence } from "./machine.js";
import { help, type Options, readOptions, UsageError } from "./options.js";
import { type RowResult, runScenario } from "./run.js";
import { scenarios } from "./scenarios/index.js";
import { results } from "./table.js";

const began = performance.now();
const report = (line: string) => {
  console.error(`[${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s] ${line}`);
};

async function run(options: Options, signal: AbortSignal): Promise<void> {
  const images = new Set(options.scenarios.flatMap((scenario) => scenario.images ?? ["node:22"]));
  const bench = await Bench.open({
    engine: options.engine,
    images: ["busybox:latest", ...images],
    environments: options.environments,
    signal,
    report,
  });
  const rows: RowResult[] = [];
  const memory: RowResult[] = [];
  let machine: Machine;
  try {
    machine = await describeMachine(bench);
    report(machineSentence(machine, options.runs));
    await bench.cache.remember();
    for (const scenario of options.scenarios) {
      const unavailable = scenario.unavailable?.(bench);
      if (unavailable) {
        report(`${scenario.name}: left out: ${unavailable}`);
        continue;
      }
      const prepared = await scenario.setUp(bench);
      const result = await runScenario(scenario, prepared, options.runs, report).finally(prepared.close);
      rows.push(...result.rows);
      memory.push(...result.memory);
      await bench.forget();
    }
  } finally {
    await bench.close();
  }
  const sentence = machineSentence(machine, options.runs);
  const parts = results(rows, memory, scenarios);
  if (options.json) console.log(JSON.stringify({ machine, runs: options.runs, rows, memory }, undefined, 2));
  else console.log(`\n${sentence}\n\n${parts.map(({ text }) => text).join("\n\n")}`);
  if (options.write) {
    const path = documentPath();
    for (const { text, ...place } of parts)
      await writeResults(path, { engine: options.engine, ...place }, `${sentence}\n\n${text}`);
    report(`${path} is up to date`);
  }
}

const interrupted = new AbortController();
// The first one is cleaned up after; a second, which timeout(1) and terminals like to send, must not cut that short.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => interrupted.abort(new Error(`ended by ${signal}`)));
}
try {
  const options = readOptions(process.argv.slice(2), scenarios);
  if (options) await run(options, interrupted.signal);
  else console.log(help(scenarios));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = interrupted.signal.aborted ? 130 : error instanceof UsageError ? 2 : 1;
}
