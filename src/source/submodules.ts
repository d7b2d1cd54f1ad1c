import { runGit } from "./git-run.js";
import type { ObjectReader } from "./object-reader.js";
import { plainEnvironment } from "./remote-access.js";

/** A submodule as a commit has it. */
export interface SubmoduleLink {
  /** From the root of the repository that holds it. */
  readonly path: string;
  /** The commit that is recorded for it. */
  readonly commit: string;
  /** The section of `.gitmodules`, and its `url` as it stands there; undefined when `.gitmodules` does not tell of the path. */
  readonly name: string | undefined;
  readonly url: string | undefined;
}

const largestModules = 1024 * 1024;

/**
 * What `.gitmodules` says of each path at a commit. Paths that are not to be fetched (`update = none`) are not among them. The file
 * is read by git's own parser, from its blob; nothing that it names is opened.
 */
export async function readSubmodules(
  reader: ObjectReader,
  gitDirectory: string,
  commit: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, { readonly name: string; readonly url: string }>> {
  const header = await reader.info(`${commit}:.gitmodules`);
  if (header?.type !== "blob" || header.size > largestModules) return new Map();
  const { code, stdout } = await runGit({
    args: [`--git-dir=${gitDirectory}`, "config", "-z", "--no-includes", `--blob=${header.id}`, "--list"],
    env: plainEnvironment({}),
    signal,
  });
  const sections = new Map<string, Map<string, string>>();
  for (const entry of code === 0 ? stdout.split("\0") : []) {
    const [, name, key, value] = /^submodule\.(.+)\.([a-z]+)\n(.*)$/s.exec(entry) ?? [];
    if (name === undefined || key === undefined || value === undefined) continue;
    const section = sections.get(name) ?? new Map<string, string>();
    sections.set(name, section.set(key, value));
  }
  const found = new Map<string, { name: string; url: string }>();
  for (const [name, section] of sections) {
    const path = section.get("path")?.replace(/\/+$/, "");
    const url = section.get("url");
    if (path && url && section.get("update") !== "none") found.set(path, { name, url });
  }
  return found;
}
