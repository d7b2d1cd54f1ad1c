import { safeName } from "../buildkit/index.js";

const barWidth = 30;

export interface ProgressLine {
  /** A bar where it is known how much there is; `what` says of what, in words. */
  show(done: number, all: number | null, what: string): void;
  clear(): void;
}

/** How far something is, in a line of standard error that is drawn over; nowhere but on a terminal. */
export function progressLine(stderr: NodeJS.WriteStream): ProgressLine {
  let drawn = "";
  const draw = (line: string) => {
    if (stderr.isTTY && line !== drawn) stderr.write(`\r\u001b[K${line}`);
    drawn = line;
  };
  return {
    show: (done, all, what) => draw(progressText(done, all, what)),
    clear: () => draw(""),
  };
}

/** Pure. */
export function progressText(done: number, all: number | null, what: string): string {
  if (all === null) return `${done} ${safeName(what)}`;
  // Who tells of more than there is has counted while it grew.
  const part = all === 0 ? 1 : Math.min(1, done / all);
  const full = Math.round(part * barWidth);
  const bar = `${"█".repeat(full)}${"░".repeat(barWidth - full)}`;
  return `${bar} ${Math.floor(part * 100)} % of ${safeName(what)}`;
}
