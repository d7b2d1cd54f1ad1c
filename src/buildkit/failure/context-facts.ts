import { parseIgnoreFile } from "../context/ignore-file.js";
import { abortAfter } from "../deadline.js";
import type { ContextTree, TreeFilter } from "../fsutil/tree.js";
import type { FailureKnown } from "./known.js";

const fileLimit = 1024 * 1024;
const namesLimit = 5000;
const deadlineMs = 2000;

export type ContextFacts = Pick<FailureKnown, "dockerfile" | "ignorePatterns" | "contextNames">;

/**
 * What the served trees can add to a failure: the Dockerfile's text (20.10 sends no source with its errors), the ignore
 * patterns in force, and names of the context for "did you mean". Reads again what was served, a megabyte per file and
 * 5,000 names at most, for two seconds at most; what cannot be read is left out. Never throws. The trees must be open.
 *
 * @param trees by dir-name, as they were given to the solve
 */
export async function readContextFacts(
  trees: Readonly<Record<string, ContextTree>> | undefined,
  frontendAttrs: Readonly<Record<string, string>> = {},
): Promise<ContextFacts> {
  const signal = abortAfter(deadlineMs);
  const filename = frontendAttrs.filename ?? "Dockerfile";
  const context = trees?.context;
  const dockerfiles = trees?.dockerfile ?? context;
  const dockerfile = await readFile(dockerfiles, filename, signal);
  const ignore =
    (await readFile(dockerfiles, `${filename}.dockerignore`, signal)) ??
    (await readFile(context, ".dockerignore", signal));
  const ignorePatterns = context === undefined ? undefined : patternsOf(ignore);
  const contextNames = await namesOf(context, ignorePatterns ?? [], signal);
  return {
    ...(dockerfile === undefined
      ? {}
      : { dockerfile: { name: filename, text: dockerfile.toString("utf8") } }),
    ...(ignorePatterns === undefined ? {} : { ignorePatterns }),
    ...(contextNames.length === 0 ? {} : { contextNames }),
  };
}

async function readFile(
  tree: ContextTree | undefined,
  path: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  if (tree === undefined) return undefined;
  const wanted = Buffer.from(path);
  const filter: TreeFilter = { includePatterns: [], excludePatterns: [], followPaths: [path] };
  try {
    for await (const entry of tree.entries(filter, signal)) {
      if (!entry.path.equals(wanted) || entry.size > fileLimit) continue;
      const chunks: Uint8Array[] = [];
      for await (const chunk of tree.read(entry, signal)) chunks.push(chunk);
      return Buffer.concat(chunks);
    }
  } catch {
    // The report does without: a tree that cannot be read has failed the build already, with an error of its own.
  }
  return undefined;
}

function patternsOf(file: Buffer | undefined): readonly string[] | undefined {
  try {
    return file === undefined ? [] : parseIgnoreFile(file);
  } catch {
    return undefined;
  }
}

async function namesOf(
  tree: ContextTree | undefined,
  excludePatterns: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names: string[] = [];
  if (tree === undefined) return names;
  try {
    for await (const entry of tree.entries(
      { includePatterns: [], excludePatterns, followPaths: [] },
      signal,
    )) {
      names.push(entry.path.toString());
      if (names.length >= namesLimit) break;
    }
  } catch {
    // As far as it went is enough for a guess.
  }
  return names;
}
