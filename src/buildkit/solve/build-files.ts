import { parseIgnoreFile } from "../context/ignore-file.js";
import type { ContextTree, TreeEntry } from "../fsutil/tree.js";
import type { SolveOptions } from "./types.js";

/** What the Dockerfile and the ignore files of a build ask of its connections. */
export interface BuildFiles {
  /** Errors about this Dockerfile could be too large to arrive. */
  readonly largeDockerfile: boolean;
  /** The headers of the daemon's calls may be more, or other, than node:http2 takes. */
  readonly ownHeaders: boolean;
}

/**
 * Errors of engines from 24 on carry the Dockerfile, and one of 45 KB stops Node's HTTP/2 (64 KiB in one header, twice
 * base64). Measured: 40 KB of plain comments pass. Other text is not compressed better by HPACK, so there is a margin.
 */
const safeDockerfileBytes = 32 * 1024;
/** nghttp2 takes a header block of nine frames of 16 KiB; what a call has beside patterns is a few hundred bytes. */
const safeHeaderBytes = 128 * 1024;
/** Around a header's value: index and length. */
const headerOverhead = 4;

/**
 * Looks at the Dockerfile and the ignore files before the daemon does. Says "large", or "own headers", rather once too often.
 * False where the trees cannot tell: what cannot be read fails when it is served, with a better error than here.
 */
export async function inspectBuildFiles(options: SolveOptions, signal: AbortSignal): Promise<BuildFiles> {
  const { trees = {}, frontendAttrs = {} } = options;
  const filename = frontendAttrs.filename ?? "Dockerfile";
  const holder = trees.dockerfile ?? trees.context;
  let largeDockerfile = false;
  let ownHeaders = Object.entries(frontendAttrs).some(
    ([name, value]) => name.startsWith("build-arg:") && hasEdgeBlank(value),
  );
  for (const tree of new Set(Object.values(trees))) {
    const wanted = [".dockerignore", ...(tree === holder ? [filename, `${filename}.dockerignore`] : [])];
    const filter = { includePatterns: [], excludePatterns: [], followPaths: wanted };
    try {
      for await (const entry of tree.entries(filter, signal)) {
        const path = entry.path.toString();
        if (path === filename && tree === holder) {
          largeDockerfile = entry.size > safeDockerfileBytes;
          ownHeaders ||= largeDockerfile || namesEdgeBlanks(await textOf(tree, entry, signal));
        } else if (wanted.includes(path)) {
          ownHeaders ||= entry.size > safeHeaderBytes || isHardToSend(await textOf(tree, entry, signal));
        }
      }
    } catch {
      signal.throwIfAborted();
    }
  }
  return { largeDockerfile, ownHeaders };
}

async function textOf(tree: ContextTree, entry: TreeEntry, signal: AbortSignal): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tree.read(entry, signal)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Whether the patterns of an ignore file are too many bytes of headers, or one of them would be dropped. */
function isHardToSend(ignoreFile: string): boolean {
  const patterns = parseIgnoreFile(ignoreFile);
  // One that is not ASCII makes the daemon escape all of them.
  const escaped = /[^\0-\x7f]/.test(ignoreFile);
  let bytes = 0;
  for (const pattern of patterns) {
    if (hasEdgeBlank(pattern)) return true;
    bytes += (escaped ? encodeURIComponent(pattern).length : pattern.length) + headerOverhead;
  }
  return bytes > safeHeaderBytes;
}

function hasEdgeBlank(text: string): boolean {
  return /^[ \t]|[ \t]$/.test(text);
}

/** Whether a Dockerfile can name paths that begin or end with a blank: by quotes, or by an escape, also through a variable. */
function namesEdgeBlanks(dockerfile: string): boolean {
  const instructions = dockerfile.replaceAll(/[\\`][ \t]*\r?\n/g, "").split("\n");
  return instructions.some((line) => {
    if (!/^[ \t]*(copy|add|arg|env)\s/i.test(line)) return false;
    if (/[\\`][ \t]/.test(line)) return true;
    const quoted = line.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g);
    return [...quoted].some(([, double, single]) => hasEdgeBlank(double ?? single ?? ""));
  });
}
