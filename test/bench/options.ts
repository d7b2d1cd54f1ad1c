import { parseArgs } from "node:util";
import { type LabEngineName, labEngineNames } from "../lab/engine.js";
import type { Scenario } from "./scenario.js";

export interface Options {
  readonly engine: LabEngineName;
  readonly runs: number;
  readonly scenarios: readonly Scenario[];
  /** Of the scenario of that name. */
  readonly environments: number;
  readonly json: boolean;
  readonly write: boolean;
}

export const help = (scenarios: readonly Scenario[]): string => `npm run bench -- [options]

Measures galley build beside docker buildx build, and a whole Galley beside git clone and docker compose, on one engine in one
run: in turn (A B A B), one warm-up, then medians. What has no yardstick has a target.
Sets up the engine if it is not there; uses it if it is. Needs root on Debian 12 and some 16 GB of disk.

  --engine 28c|28|26|20   which engine (default 28c: 28 with the containerd image store)
  --runs N                measured runs (default 5)
  --only NAME,...         only these scenarios
  --environments N        how many previews "environments" brings up at once (default 20; 100 takes minutes a run)
  --json                  print results and every sample as JSON
  --write                 put the tables into docs/benchmarks.md, each beside its yardstick (of at least 5 runs; says what --only has left out)
  --help                  this text

Scenarios:
${scenarios.map(({ name, summary }) => `  ${name.padEnd(15)} ${summary}`).join("\n")}
`;

export class UsageError extends Error {}

/** Undefined: the help was asked for. Throws UsageError with a sentence. */
export function readOptions(args: readonly string[], all: readonly Scenario[]): Options | undefined {
  const { values } = parse(args);
  if (values.help) return undefined;
  const engine = values.engine ?? "28c";
  if (!isEngine(engine)) throw new UsageError(`--engine ${engine}: 28c, 28, 26 or 20`);
  const runs = Number(values.runs ?? 5);
  if (!Number.isInteger(runs) || runs < 1)
    throw new UsageError(`--runs ${values.runs}: a whole number from 1`);
  const environments = Number(values.environments ?? 20);
  if (!Number.isInteger(environments) || environments < 1)
    throw new UsageError(`--environments ${values.environments}: a whole number from 1`);
  const names = values.only?.split(",").filter(Boolean);
  const unknown = names?.filter((name) => !all.some((scenario) => scenario.name === name)) ?? [];
  if (unknown.length > 0) throw new UsageError(`--only ${unknown.join(",")}: see --help for the scenarios`);
  if (values.write && runs < 5) throw new UsageError("--write needs at least 5 runs");
  return {
    engine,
    runs,
    scenarios: names ? all.filter(({ name }) => names.includes(name)) : all,
    environments,
    json: values.json ?? false,
    write: values.write ?? false,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        engine: { type: "string" },
        runs: { type: "string" },
        only: { type: "string" },
        environments: { type: "string" },
        json: { type: "boolean" },
        write: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

const isEngine = (name: string): name is LabEngineName =>
  (labEngineNames as readonly string[]).includes(name);
