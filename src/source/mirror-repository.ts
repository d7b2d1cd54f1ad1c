import { setPriority } from "node:os";
import { GalleyError, withDeadline } from "../errors/index.js";
import type { GitOptions } from "./git-options.js";
import { runGit } from "./git-run.js";
import { ObjectReader } from "./object-reader.js";
import { plainEnvironment } from "./remote-access.js";

/** The commands that only concern the repository on disk. None of them talks to anybody. */

const localDeadlineMs = 120_000;

async function local(
  path: string,
  args: readonly string[],
  options: GitOptions,
  signal: AbortSignal,
  more: { stdin?: string; onStart?: (pid: number) => void } = {},
): Promise<string | undefined> {
  const outcome = await runGit({
    args: [`--git-dir=${path}`, ...args],
    env: plainEnvironment(options),
    signal,
    ...more,
  });
  return outcome.code === 0 ? outcome.stdout : undefined;
}

const within = (signal: AbortSignal) => withDeadline(signal, localDeadlineMs);

/** Makes an empty bare repository, without hooks. Throws `git_failed`. */
export async function initBare(
  path: string,
  objectFormat: "sha1" | "sha256",
  options: GitOptions,
  signal: AbortSignal,
): Promise<void> {
  const outcome = await runGit({
    args: [
      "init",
      "--quiet",
      "--bare",
      "--template=",
      "--initial-branch=main",
      `--object-format=${objectFormat}`,
      path,
    ],
    env: plainEnvironment(options),
    signal: within(signal),
  });
  if (outcome.code !== 0) {
    throw new GalleyError("git_failed", `A mirror cannot be made in ${path}: ${outcome.stderr}`, {
      hint: "Is the data directory writable, and is there space on its disk?",
    });
  }
}

/** All refs that are here; empty for what cannot be read. */
export async function localRefs(path: string, options: GitOptions, signal: AbortSignal): Promise<string[]> {
  const text = await local(path, ["for-each-ref", "--format=%(refname)"], options, within(signal));
  return (text ?? "").split("\n").filter((name) => name !== "");
}

export async function deleteRefs(
  path: string,
  names: readonly string[],
  options: GitOptions,
  signal: AbortSignal,
): Promise<void> {
  if (names.length === 0) return;
  const stdin = names.map((name) => `delete ${name}\n`).join("");
  await local(path, ["update-ref", "--stdin"], options, within(signal), { stdin });
}

/** The commits that these names stand for; undefined for those that stand for none. */
export async function commitsOf(
  path: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<(string | undefined)[]> {
  const reader = new ObjectReader(path, path);
  const end = () => void reader.close();
  signal.addEventListener("abort", end, { once: true });
  try {
    const found = await Promise.all(names.map((name) => reader.info(`${name}^{commit}`)));
    return found.map((header) => (header?.type === "commit" ? header.id : undefined));
  } finally {
    signal.removeEventListener("abort", end);
    await reader.close();
    signal.throwIfAborted();
  }
}

/** Whether a commit is one of these, or comes before one of those that are here. */
export async function leadsTo(
  path: string,
  tips: ReadonlySet<string>,
  commit: string,
  options: GitOptions,
  signal: AbortSignal,
): Promise<boolean> {
  if (tips.has(commit)) return true;
  if ((await commitsOf(path, [commit], signal))[0] === undefined) return false;
  const stdin = [commit, ...[...tips].map((tip) => `^${tip}`)].map((line) => `${line}\n`).join("");
  const args = ["rev-list", "--max-count=1", "--ignore-missing", "--stdin"];
  // It is said unless one of them leads to it.
  return (await local(path, args, options, within(signal), { stdin })) === "";
}

/** The last commits that two have in common; empty when there are none. */
export async function mergeBases(
  path: string,
  one: string,
  other: string,
  options: GitOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const text = await local(path, ["merge-base", "--all", one, other], options, within(signal));
  return (text ?? "").split("\n").filter((id) => id !== "");
}

const ownRef = (commit: string): string => `refs/galley/own/${commit}`;

/** What `noteOwn` has said. */
export async function isNotedOwn(path: string, commit: string, signal: AbortSignal): Promise<boolean> {
  return (await commitsOf(path, [ownRef(commit)], signal))[0] === commit;
}

/** Remembers that a commit is the repository's own: it stays so when its branch moves on, or is removed. */
export async function noteOwn(
  path: string,
  commit: string,
  options: GitOptions,
  signal: AbortSignal,
): Promise<void> {
  await local(path, ["update-ref", ownRef(commit), commit], options, within(signal));
}

/**
 * Puts the packs of many fetches together (in sizes that grow by two, so that large ones are seldom written again) and the
 * refs into one file. Whatever reads meanwhile goes on. Runs with low priority; what it had not finished is done next time.
 */
export async function tidy(
  path: string,
  options: GitOptions,
  signal: AbortSignal,
  onStart: (pid: number) => void,
): Promise<void> {
  const start = (pid: number) => {
    onStart(pid);
    try {
      setPriority(pid, 10);
    } catch {
      // It has ended, or that is not ours to say.
    }
  };
  await local(path, ["repack", "-q", "-d", "--geometric=2"], options, signal, { onStart: start });
  await local(path, ["pack-refs", "--all"], options, signal, { onStart: start });
}
