import type { Measured } from "./measure.js";
import type { Contender, Figures, Prepared, Row, Scenario } from "./scenario.js";
import { type Summary, summarise } from "./summary.js";
import { shown } from "./table.js";

export interface RowResult {
  readonly scenario: string;
  readonly row: Row;
  readonly subject: Summary;
  readonly yardstick?: Summary;
  /** Why there is no yardstick, where there should be one. */
  readonly yardstickFailed?: string;
  /** Subject by yardstick, of medians. */
  readonly ratio?: number;
  /** Absent: nothing was promised. */
  readonly met?: boolean;
}

export interface ScenarioResult {
  readonly rows: readonly RowResult[];
  /** Bytes, by contender. */
  readonly memory: readonly RowResult[];
}

/** Runs the contenders in turn, one warm-up and then `runs` times, so that what disturbs the machine disturbs all of them. */
export async function runScenario(
  scenario: Scenario,
  { contenders, rows, memoryRows, verify }: Prepared,
  runs: number,
  report: (line: string) => void,
): Promise<ScenarioResult> {
  const samples = new Map(contenders.map(({ name }) => [name, [] as Figures[]]));
  const failed: Failed = new Map();
  const first = scenario.once ? 1 : 0;
  const last = scenario.once ? 1 : runs;
  for (let run = first; run <= last; run++) {
    const figures: string[] = [];
    for (const contender of contenders.filter(({ name }) => !failed.has(name))) {
      const sample = await one(contender, run, failed);
      if (!sample) {
        figures.push(`${contender.name} fails`);
        continue;
      }
      // What the table will have of it, and not the whole of a run with what it waits for behind that.
      const { figure = "wallMs", unit = "s" } = rows.find(isAbout(contender)) ?? {};
      figures.push(`${contender.name} ${shown(sample[figure] ?? 0, unit)} ${unit}`);
      if (run > 0) samples.get(contender.name)?.push(sample);
    }
    report(`${scenario.name}: ${run === 0 ? "warm-up" : `run ${run} of ${last}`}: ${figures.join(", ")}`);
  }
  await verify?.();
  const measured = rows.map((row) => rowResult(scenario.name, row, samples, failed));
  const memory = (memoryRows ?? rows.filter(({ figure }) => figure === undefined))
    .map(({ target: _, ...row }) => ({ ...row, figure: "peakBytes", unit: "MB" as const }))
    .map((row) => rowResult(scenario.name, row, samples, failed));
  return { rows: measured, memory };
}

const isAbout =
  ({ name }: Contender) =>
  ({ subject, yardstick }: Row) =>
    subject === name || yardstick === name;

/** Words by contender. */
type Failed = Map<string, string>;

async function one(contender: Contender, run: number, failed: Failed): Promise<Figures | undefined> {
  await contender.before?.(run);
  let measured: Measured;
  try {
    measured = await contender.run(run);
  } catch (error) {
    const known = contender.knownFailure;
    if (!known || !(error instanceof Error && known.pattern.test(error.message))) throw error;
    failed.set(contender.name, known.words);
    return undefined;
  }
  const figures = (await contender.after?.(run, measured)) ?? {};
  return { wallMs: measured.wallMs, peakBytes: measured.peakBytes, ...figures };
}

function rowResult(
  scenario: string,
  row: Row,
  samples: ReadonlyMap<string, readonly Figures[]>,
  failed: Failed,
): RowResult {
  const of = (name: string): Summary => {
    const figure = row.figure ?? "wallMs";
    const values = samples.get(name)?.map((sample) => sample[figure]);
    if (!values?.length || !values.every((value) => value !== undefined))
      throw new Error(`${scenario}: ${name} has no ${figure} in every run`);
    return summarise(values);
  };
  const yardstickFailed = row.yardstick === undefined ? undefined : failed.get(row.yardstick);
  const subject = of(row.subject);
  const yardstick =
    row.yardstick === undefined || yardstickFailed !== undefined ? undefined : of(row.yardstick);
  const ratio = yardstick && subject.median / yardstick.median;
  return {
    scenario,
    row,
    subject,
    ...(yardstickFailed !== undefined && { yardstickFailed }),
    ...(yardstick && { yardstick, ratio: subject.median / yardstick.median }),
    ...(row.target && { met: row.target.met(subject.median, ratio ?? Number.NaN) }),
  };
}
