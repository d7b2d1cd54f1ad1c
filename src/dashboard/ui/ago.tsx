import { formatAge } from "../model/format.js";

/** How long ago something was; the time itself where the pointer rests. */
export function Ago({ at, now, suffix = " ago" }: { at: string; now: number; suffix?: string }) {
  const age = formatAge(now - Date.parse(at));
  return (
    <time dateTime={at} title={absolute(at)}>
      {age === "now" ? "now" : `${age}${suffix}`}
    </time>
  );
}

/** `2026-11-28 13:20:04`, in the browser's time zone. */
export function absolute(at: string | number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000)
    .toISOString()
    .slice(0, 19)
    .replace("T", " ");
}
