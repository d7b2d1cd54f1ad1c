/** How far a fetch is. */
export interface FetchProgress {
  readonly phase: "waiting" | "preparing" | "receiving" | "resolving";
  /** Of `total`; 0 and 0 when it is not known. */
  readonly done: number;
  readonly total: number;
  /** Received so far, of `receiving`. */
  readonly bytes: number | undefined;
}

const phases: Readonly<Record<string, FetchProgress["phase"]>> = {
  "Receiving objects": "receiving",
  "Unpacking objects": "receiving",
  "Resolving deltas": "resolving",
};
const units: Readonly<Record<string, number>> = { bytes: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** Reads one line of git's progress, such as `Receiving objects:  45% (9/20), 1.20 MiB | 3.00 MiB/s`; undefined for others. */
export function parseProgress(line: string): FetchProgress | undefined {
  const found =
    /^(remote: )?([A-Z][a-z]+ [a-z]+): +(?:\d+% \((\d+)\/(\d+)\)|(\d+))(?:, ([\d.]+) (bytes|[KMG]iB))?/.exec(
      line,
    );
  if (found === null) return undefined;
  const [, remote, what = "", done = "0", total = "0", count, amount, unit = ""] = found;
  const phase = remote === undefined ? phases[what] : "preparing";
  if (phase === undefined) return undefined;
  return {
    phase,
    done: Number(count ?? done),
    total: Number(total),
    bytes: amount === undefined ? undefined : Math.round(Number(amount) * (units[unit] ?? 1)),
  };
}
