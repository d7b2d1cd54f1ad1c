import { formatDuration } from "./format.js";

/** The one time axis of a deployment. Times are milliseconds since 1970. */
export interface Axis {
  readonly from: number;
  readonly to: number;
  /** Share of the axis at which a time stands, from 0 to 1. */
  place(at: number): number;
  readonly ticks: readonly Tick[];
}

export interface Tick {
  readonly place: number;
  readonly label: string;
}

const second = 1000;
const minute = 60 * second;
const steps = [
  100,
  200,
  500,
  second,
  2 * second,
  5 * second,
  10 * second,
  15 * second,
  30 * second,
  minute,
  2 * minute,
  5 * minute,
  10 * minute,
  15 * minute,
  30 * minute,
  60 * minute,
  120 * minute,
  360 * minute,
  720 * minute,
];
/** An axis is never shorter: what took a few milliseconds would fill it. */
const shortest = second;

/** `most`: ticks for which there is room. */
export function timeAxis(from: number, to: number, most = 6): Axis {
  const length = Math.max(shortest, to - from);
  const place = (at: number) => Math.min(1, Math.max(0, (at - from) / length));
  const step = steps.find((one) => length / one <= most) ?? (steps.at(-1) as number) * 2;
  const ticks: Tick[] = [];
  for (let at = 0; at < length && ticks.length <= most; at += step)
    ticks.push({ place: at / length, label: tickLabel(at) });
  return { from, to: from + length, place, ticks };
}

function tickLabel(milliseconds: number): string {
  if (milliseconds === 0) return "0 s";
  if (milliseconds < minute && milliseconds % second !== 0) return formatDuration(milliseconds);
  if (milliseconds < minute) return `${milliseconds / second} s`;
  const minutes = Math.floor(milliseconds / minute);
  const seconds = Math.round((milliseconds % minute) / second);
  return seconds === 0 ? `${minutes} m` : `${minutes} m ${String(seconds).padStart(2, "0")} s`;
}

/** A length with some room after what is there now: it stays the same for a while as time goes on. Milliseconds. */
export function wholeLength(milliseconds: number): number {
  let length = 10 * second;
  while (length < milliseconds) length = Math.ceil((length * 1.5) / (5 * second)) * 5 * second;
  return length;
}
