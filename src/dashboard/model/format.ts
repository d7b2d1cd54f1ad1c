// How numbers read: with units, and so that a column of them lines up.

/** `0.1 s`, `8.2 s`, `59.9 s`, `1 m 04 s`, `2 h 03 m`. Milliseconds in. As the command writes them. */
export function formatDuration(milliseconds: number): string {
  const tenths = Math.max(0, Math.round(milliseconds / 100)) || 0;
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(tenths / 10);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} m`;
}

/** Of what goes on: `0:07`, `1:04`, `1:02:03`. Whole seconds, so that nothing flickers. */
export function formatRunning(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000)) || 0;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

const units = ["kB", "MB", "GB", "TB", "PB"] as const;

/** Decimal units: `585 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  if (!(bytes >= 1000)) return `${Math.max(0, Math.trunc(bytes)) || 0} B`;
  let value = bytes / 1000;
  let unit = 0;
  // What rounds to 1000 belongs to the next unit.
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** How long ago: `now`, `4 s`, `12 m`, `3 h`, `5 d`. One unit, as nobody counts the rest. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  if (!(seconds >= 1)) return "now";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** `1,204` */
export const formatCount = (count: number): string => count.toLocaleString("en-US");

/** `1 line`, `1,204 lines`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${formatCount(count)} ${count === 1 ? one : many}`;

/** A ref as people call it: `pull request 7`, `main`. */
export const formatRef = (ref: string): string =>
  ref.replace(/^refs\/pull\/(\d+)\/head$/, "pull request $1").replace(/^refs\/(heads|tags)\//, "");

const two = (value: number) => String(value).padStart(2, "0");
