/** Milliseconds since 1970 with the fraction that a double can hold (about a quarter of a microsecond). */
export type Instant = number;

const stamp = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))$/;

/** Reads an RFC 3339 time; undefined for what is none, and for Go's zero time, which means "not set". */
export function instant(text: string | undefined): Instant | undefined {
  const match = typeof text !== "string" || text.length > 64 ? null : stamp.exec(text);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHours, offsetMinutes] = match;
  if (year === "0001") return undefined;
  const whole = Date.UTC(
    +(year ?? 0),
    +(month ?? 0) - 1,
    +(day ?? 0),
    +(hour ?? 0),
    +(minute ?? 0),
    +(second ?? 0),
  );
  const offset = sign === undefined ? 0 : (+(offsetHours ?? 0) * 60 + +(offsetMinutes ?? 0)) * 60_000;
  return whole + +fraction.padEnd(9, "0") / 1e6 - (sign === "-" ? -offset : offset);
}

/** The same instant as Go prints it: no trailing zeros in the fraction, none at all when it is zero. */
export function goTime(text: string): string {
  return text.replace(/\.(\d*?)0+(?=Z$|[+-]\d\d:\d\d$)/, (_, digits: string) =>
    digits === "" ? "" : `.${digits}`,
  );
}
