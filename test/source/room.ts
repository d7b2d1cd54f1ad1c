// What every test of this folder has: a directory of its own, an origin, a server before it, mirrors.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { ContextTree } from "../../src/buildkit/index.js";
import { type Mirror, type MirrorOptions, openMirror } from "../../src/source/index.js";
import { type HttpRemote, type HttpRemoteOptions, makeOrigin, type Origin, serveHttp } from "./remote.js";

export let root: string;
const ending: (() => unknown)[] = [];

export function useRoom(): void {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "galley-source-"));
  });
  afterEach(async () => {
    for (const end of ending.splice(0).reverse()) await end();
    rmSync(root, { recursive: true, force: true });
  });
}

export const atEnd = (end: () => unknown): void => void ending.push(end);

export const origin = (name = "acme/shop", format?: string): Origin =>
  makeOrigin(join(root, "served"), name, format);

export async function serve(options: HttpRemoteOptions = {}): Promise<HttpRemote> {
  const server = await serveHttp(join(root, "served"), options);
  atEnd(() => server.close());
  return server;
}

export function mirrorOf(url: string, options: Partial<MirrorOptions> = {}): Mirror {
  const mirror = openMirror({
    root: join(root, "repos"),
    repoKey: "shop",
    url,
    credential: null,
    ...options,
  });
  atEnd(() => mirror.close());
  return mirror;
}

export const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(120_000) });

/** All files of a tree with their content, links as `-> target`. */
export async function contentOf(tree: ContextTree): Promise<Record<string, string>> {
  const { signal } = soon();
  const found: Record<string, string> = {};
  const all = { includePatterns: [], excludePatterns: [], followPaths: [] };
  for await (const entry of tree.entries(all, signal)) {
    const path = entry.path.toString();
    if (entry.mode > 0o777) {
      if (entry.linkname) found[path] = `-> ${entry.linkname}`;
      continue;
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of tree.read(entry, signal)) chunks.push(chunk);
    found[path] = Buffer.concat(chunks).toString("latin1");
  }
  return found;
}
