import type { google } from "../../../proto/index.js";

/** Seconds of the years 0001 to 9999, all that RFC 3339 can write. */
const minSeconds = -62_135_596_800;
const maxSeconds = 253_402_300_799;

let cachedSeconds = Number.NaN;
let cachedText = "";

/**
 * A wire timestamp as Go's time.RFC3339Nano writes it: UTC, nanoseconds with trailing zeros cut, no fraction at all when
 * it is zero. Out-of-range values are clamped: they come from outside.
 */
export function timestampText(timestamp: google.protobuf.Timestamp): string {
  const seconds = Math.min(Math.max(timestamp.seconds.toNumber(), minSeconds), maxSeconds);
  if (seconds !== cachedSeconds) {
    // Log lines come in their thousands per second, and most share theirs.
    cachedText = new Date(seconds * 1000).toISOString().slice(0, "2026-01-02T03:04:05".length);
    cachedSeconds = seconds;
  }
  const nanos = Math.min(Math.max(timestamp.nanos, 0), 999_999_999);
  if (nanos === 0) return `${cachedText}Z`;
  return `${cachedText}.${String(nanos).padStart(9, "0").replace(/0+$/, "")}Z`;
}

/** Absent stays absent. */
export function optionalTimestamp(timestamp: google.protobuf.Timestamp | null): string | undefined {
  return timestamp === null ? undefined : timestampText(timestamp);
}

/** Go's reading of an absent timestamp where one must be there. */
export function timestampOrEpoch(timestamp: google.protobuf.Timestamp | null): string {
  return timestamp === null ? "1970-01-01T00:00:00Z" : timestampText(timestamp);
}
