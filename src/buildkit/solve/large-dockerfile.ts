import type { SolveOptions } from "./types.js";

/**
 * Errors of engines from 24 on carry the Dockerfile, and one of 45 KB stops Node's HTTP/2 (64 KiB in one header, twice
 * base64). Measured: 40 KB of plain comments pass. Other text is not compressed better by HPACK, so there is a margin.
 */
const safeBytes = 32 * 1024;

/** Whether errors about this Dockerfile could be too large to arrive. False where the tree cannot tell. */
export async function isLargeDockerfile(options: SolveOptions, signal: AbortSignal): Promise<boolean> {
  const tree = options.trees?.dockerfile ?? options.trees?.context;
  if (tree === undefined) return false;
  const filename = options.frontendAttrs?.filename ?? "Dockerfile";
  const wanted = Buffer.from(filename);
  const filter = { includePatterns: [], excludePatterns: [], followPaths: [filename] };
  try {
    for await (const entry of tree.entries(filter, signal)) {
      if (entry.path.equals(wanted)) return entry.size > safeBytes;
    }
  } catch {
    // A tree that cannot be read fails when it is served, with a better error than here.
  }
  return false;
}
