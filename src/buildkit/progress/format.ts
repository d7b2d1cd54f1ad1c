const units = ["kB", "MB", "GB", "TB", "PB", "EB"] as const;

function scaled(bytes: number): { value: number; unit: string } | undefined {
  if (!(Math.abs(bytes) >= 1000)) return undefined;
  let value = bytes / 1000;
  let step = 0;
  // What rounds to 1000 belongs to the next unit: "1.0 MB", not "1000.0 kB".
  while (Math.abs(value) >= 999.95 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return { value, unit: units[step] ?? "EB" };
}

/** Decimal units with a space: `585 B`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const size = scaled(bytes);
  return size ? `${size.value.toFixed(1)} ${size.unit}` : `${Math.trunc(bytes) || 0} B`;
}

/** `nothing`, `1 file (5 B)`, `12 files (1.2 MB)`. */
export function formatSent({ files, bytes }: { readonly files: number; readonly bytes: number }): string {
  if (files === 0) return "nothing";
  return `${files} ${files === 1 ? "file" : "files"} (${formatBytes(bytes)})`;
}

/** As BuildKit's plain progress writes them: `585B`, `1.23MB`. */
export function formatBytesPlain(bytes: number): string {
  const size = scaled(bytes);
  return size ? `${size.value.toFixed(2)}${size.unit}` : `${Math.trunc(bytes) || 0}B`;
}

/** `0.1 s`, `8.2 s`, `59.9 s`, `1 m 04 s`, `2 h 03 m`. Milliseconds in. */
export function formatDuration(milliseconds: number): string {
  const tenths = Math.max(0, Math.round(milliseconds / 100)) || 0;
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(tenths / 10);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${String(seconds % 60).padStart(2, "0")} s`;
  const minutes = Math.floor(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} m`;
}
