import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { GalleyError } from "../errors/index.js";

export type GitChild = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * Starts a git that only reads one repository. No shell; the arguments must not come from outside, names of objects go over
 * stdin. It sees nothing of the caller's git: every GIT_* variable is taken out, global and system configuration are not
 * read. The repository's own configuration is, but the reading commands run nothing that it names: with the directory given
 * git does not ask who owns it (`safe.directory`), objects that are missing are not fetched (no transport is allowed), and
 * `refs/replace` of a hostile remote does not exchange objects.
 */
export function startGit(gitDirectory: string, args: readonly string[]): GitChild {
  return spawn("git", [`--git-dir=${gitDirectory}`, "--no-pager", ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: gitEnvironment(process.env),
    windowsHide: true,
  });
}

function gitEnvironment(inherited: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const kept = Object.entries(inherited).filter(([name]) => !name.toUpperCase().startsWith("GIT_"));
  return {
    ...Object.fromEntries(kept),
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_ALLOW_PROTOCOL: "",
    GIT_NO_LAZY_FETCH: "1",
    GIT_NO_REPLACE_OBJECTS: "1",
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C",
  };
}

/** The git directory of a repository: itself when it is bare, its `.git` (a directory or a file) otherwise. */
export function gitDirectoryOf(repository: string): string {
  const inside = join(repository, ".git");
  if (existsSync(inside)) return inside;
  if (!statSync(repository, { throwIfNoEntry: false })?.isDirectory()) {
    throw new GalleyError("git_repository_invalid", `There is no git repository at ${repository}.`);
  }
  return repository;
}

const longestStderr = 4096;

/** The end of what a child says on stderr: for messages, never more than a few lines. */
export function watchStderr(child: GitChild): () => string {
  let text = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (piece: string) => {
    text = (text + piece).slice(-longestStderr);
  });
  return () => text.trim();
}

/** What went wrong when git could not start, or ended with an error. */
export function gitFailure(repository: string, stderr: string, cause?: unknown): GalleyError {
  if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
    return new GalleyError("git_missing", "The git command was not found.", {
      hint: "Install git 2.36 or newer and make sure that it is in PATH.",
      cause,
    });
  }
  if (/not a git repository|invalid gitfile|Invalid path|not a repository/i.test(stderr)) {
    return new GalleyError("git_repository_invalid", `There is no git repository at ${repository}.`, {
      cause,
    });
  }
  if (/unknown option|usage: git cat-file/.test(stderr)) {
    return new GalleyError("git_failed", "This git is too old to read trees with.", {
      hint: "Install git 2.36 or newer.",
      cause,
    });
  }
  if (
    /corrupt|bad object|loose object|unable to (read|stream)|missing|packfile|promisor|not allowed/i.test(
      stderr,
    )
  ) {
    return new GalleyError(
      "git_repository_invalid",
      `The git repository ${repository} is damaged or incomplete: ${stderr}`,
      {
        hint: "Fetch it again in full (git fsck names what is missing; partial clones cannot be built from).",
        cause,
      },
    );
  }
  return new GalleyError("git_failed", `git could not read ${repository}: ${stderr || "it ended early"}`, {
    cause,
  });
}
