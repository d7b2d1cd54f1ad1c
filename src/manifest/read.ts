import type { ContextTree } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { parseManifest } from "./galley-yml.js";
import type { Manifest } from "./manifest.js";

const names = ["galley.yml", "galley.yaml"];
/** Bytes read at most, one more than is parsed: what is larger is refused there. */
const READ_LIMIT = 256 * 1024 + 1;

/** Reads the manifest of a commit's tree. Throws `manifest_not_found` or `manifest_invalid`. */
export async function readManifest(tree: ContextTree, signal: AbortSignal): Promise<Manifest> {
  const filter = { includePatterns: names, excludePatterns: [], followPaths: [] };
  for await (const entry of tree.entries(filter, signal)) {
    const name = entry.path.toString();
    if (!names.includes(name) || entry.linkname) continue;
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of tree.read(entry, signal)) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= READ_LIMIT) break;
    }
    return parseManifest(Buffer.concat(chunks).toString("utf8"), name);
  }
  throw new GalleyError("manifest_not_found", "the commit has no galley.yml in its root", {
    hint: "Write one that names the services: version: 1, services: {web: {build: {path: .}, expose: 3000}}.",
  });
}
