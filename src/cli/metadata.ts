import type { BuiltImage } from "../build/index.js";

/**
 * What `--metadata-file` holds: the exporters' answers as buildx writes them, values that are base64 of JSON decoded, and the
 * build's ref.
 */
export function imageMetadata(built: BuiltImage): Record<string, unknown> {
  const metadata: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(built.exporterResponse).sort(([a], [b]) => (a < b ? -1 : 1))) {
    metadata[key] = decoded(value);
  }
  metadata["galley.build.ref"] = built.ref;
  return metadata;
}

function decoded(value: string): unknown {
  if (!/^(eyJ|W3)/.test(value)) return value;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value, "base64").toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? parsed : value;
  } catch {
    return value;
  }
}
