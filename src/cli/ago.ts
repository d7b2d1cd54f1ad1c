const steps: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3600],
  ["m", 60],
  ["s", 1],
];

/** How long before `now` a time was, in its two largest units: `3m 20s ago`. A dash for no time. */
export function ago(time: string | null, now: number): string {
  const then = time === null ? Number.NaN : Date.parse(time);
  if (Number.isNaN(then)) return "-";
  // Clocks differ: what has just been may be a little ahead.
  const seconds = Math.max(0, Math.floor((now - then) / 1000));
  return seconds < 1 ? "just now" : `${inUnits(seconds)} ago`;
}

/** How long after `now` a time is: `in 3d 4h`; `now` when it has come. A dash for no time. */
export function until(time: string | null, now: number): string {
  const then = time === null ? Number.NaN : Date.parse(time);
  if (Number.isNaN(then)) return "-";
  const seconds = Math.floor((then - now) / 1000);
  return seconds < 1 ? "now" : `in ${inUnits(seconds)}`;
}

/** A number of seconds in its two largest units: `3m 20s`. */
export function inUnits(seconds: number): string {
  const largest = steps.findIndex(([, of]) => seconds >= of);
  const [name, of] = steps[largest] ?? ["s", 1];
  const whole = Math.floor(seconds / of);
  const next = steps[largest + 1];
  const rest = next ? Math.floor((seconds % of) / next[1]) : 0;
  const second = next && rest > 0 && whole < 10 ? ` ${rest}${next[0]}` : "";
  return `${whole}${name}${second}`;
}
