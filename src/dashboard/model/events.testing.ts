// Events as agents write them, for tests of what folds them.

const began = Date.parse("2026-11-28T12:00:00.000Z");
/** RFC 3339 of a moment, milliseconds after the beginning. */
export const at = (milliseconds: number): string => new Date(began + milliseconds).toISOString();
/** The same as a number. */
export const instant = (milliseconds: number): number => began + milliseconds;

/** Puts events into envelopes, numbered from 1. */
export function envelopes(attempt = 1) {
  let seq = 0;
  return (moment: number, event: object): Readonly<Record<string, unknown>> => {
    seq += 1;
    return { v: 1, id: `${attempt}-${seq}`, at: at(moment), attempt, seq, ...event };
  };
}

interface StepTold {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly inputs?: readonly string[];
  readonly from?: number;
  /** When the last run began, if there were several. */
  readonly since?: number;
  readonly to?: number;
  readonly duration?: number;
}

export const step = ({ id, name, state, inputs = [], from, since = from, to, duration }: StepTold) => ({
  service: "web",
  type: "step.updated",
  step: id,
  name,
  state,
  vertices: [id],
  inputs,
  started: from === undefined ? null : at(from),
  since: since === undefined ? null : at(since),
  completed: to === undefined ? null : at(to),
  duration: duration ?? (from === undefined || to === undefined ? 0 : to - from),
  error: null,
});

export const logged = (step: string, ...texts: string[]) => ({
  service: "web",
  type: "step.log",
  step,
  clipped: false,
  lines: texts.map((text) => ({ stream: "stdout", text, at: at(0) })),
});
