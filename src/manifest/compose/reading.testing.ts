import { createFilesTree } from "../../buildkit/index.js";
import { filesOfTree, formatFinding, type Manifest, type ReadOptions, readManifest } from "../index.js";

export type Files = Readonly<Record<string, string | Uint8Array>>;

/** A repository in memory, read as a deployment would. */
export function read(files: Files, options?: ReadOptions): Promise<Manifest> {
  const tree = createFilesTree(new Map(Object.entries(files)));
  return readManifest(filesOfTree(tree), new AbortController().signal, options);
}

/** Every problem, a line each. */
export async function problemsOf(files: Files, options?: ReadOptions): Promise<string[]> {
  try {
    await read(files, options);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  throw new Error("nothing was thrown");
}

export const warningsOf = ({ warnings = [] }: Manifest): string[] => warnings.map(formatFinding);

export const lines = (...all: string[]): string => `${all.join("\n")}\n`;
