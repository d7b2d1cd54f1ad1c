// Durations as people write them: `90m`, `12h`, `7d`.

const units = { m: 60, h: 3600, d: 86_400 } as const;
/** Seconds: a year. */
export const longestLife = 365 * units.d;

/** Seconds, from a minute to a year; undefined for what is no such duration. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const seconds = Number(count) * units[unit as keyof typeof units];
  return seconds >= 60 && seconds <= longestLife ? seconds : undefined;
}

/** A duration, or `never`, which is 0. */
export const parseLifespan = (text: string): number | undefined =>
  text === "never" ? 0 : parseDuration(text);

/** In the largest unit that says it exactly. */
export function formatLifespan(seconds: number): string {
  if (seconds === 0) return "never";
  const unit = (["d", "h"] as const).find((each) => seconds % units[each] === 0) ?? "m";
  return `${Math.round(seconds / units[unit])}${unit}`;
}

export const durationForm = "a duration from 1m to 365d, such as 90m, 12h or 7d";
export const lifespanForm = `${durationForm}, or never`;
