import { createHash } from "node:crypto";
import type { BuildGraph, ContextTree, GraphStep } from "../src/buildkit/index.js";

/** What a step was made of, for comparison with the same step of another build. */
export interface StepInputs {
  /** The step's own words and options. */
  readonly own: string;
  /** The files of the context that it copies; empty where it copies none. */
  readonly files: string;
  /** All of it: own, files and the keys of its inputs. Equal keys, equal results. */
  readonly key: string;
}

/** Of every step, by its digest. The tree's times must come from its content, as those of a commit do. */
export async function stepInputs(
  graph: BuildGraph,
  tree: ContextTree,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StepInputs>> {
  const local = new Set(
    graph.steps.filter(({ source }) => source?.startsWith("local://")).map(({ digest }) => digest),
  );
  const wanted = new Set(
    graph.steps.flatMap(({ copies }) =>
      copies.filter(({ from }) => local.has(from)).map(({ path }) => anchor(path)),
    ),
  );
  const files = wanted.size > 0 ? await digestFiles(tree, wanted, signal) : new Map<string, string>();
  const known = new Map<string, StepInputs>();
  const ofStep = (step: GraphStep): StepInputs => {
    const taken = step.copies
      .filter(({ from }) => local.has(from))
      .map(({ path }) => `${path}=${files.get(anchor(path)) ?? ""}`);
    const copied = taken.length > 0 ? digest(taken) : "";
    const inputs = step.inputs.map(
      (input) => `${known.get(input.digest)?.key ?? input.digest}:${input.index}`,
    );
    return { own: step.own, files: copied, key: digest([step.own, copied, ...inputs]) };
  };
  // Inputs stand before those that use them.
  for (const step of graph.steps) known.set(step.digest, ofStep(step));
  return known;
}

/** What stands before the first wildcard, as a folder: of `/src/*.js` all of src counts. */
function anchor(path: string): string {
  const clean = path.replace(/^\/+|\/+$/g, "");
  const wild = clean.search(/[*?[\\]/);
  return wild === -1 ? clean : clean.slice(0, wild).replace(/\/?[^/]*$/, "");
}

async function digestFiles(
  tree: ContextTree,
  wanted: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const hashes = new Map([...wanted].map((path) => [path, createHash("sha256")]));
  const everything = { includePatterns: [], excludePatterns: [], followPaths: [] };
  const whole = hashes.get("");
  for await (const entry of tree.entries(everything, signal)) {
    const path = entry.path.toString("utf8");
    const line = `${path}\0${entry.mode}\0${entry.size}\0${entry.modTime}\0${entry.linkname?.toString("hex") ?? ""}\n`;
    whole?.update(line);
    for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1))
      hashes.get(path.slice(0, end))?.update(line);
  }
  return new Map([...hashes].map(([path, hash]) => [path, hash.digest("hex")]));
}

const digest = (parts: readonly string[]) => createHash("sha256").update(JSON.stringify(parts)).digest("hex");
