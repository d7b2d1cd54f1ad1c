// Makes a bare git repository out of a folder: one commit on main, with a fixed author and date, so that the same files are the
// same commit on every machine. A changed folder becomes a new commit on top.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

const author = {
  GIT_AUTHOR_NAME: "Galley",
  GIT_AUTHOR_EMAIL: "galley@localhost",
  GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z",
  GIT_COMMITTER_NAME: "Galley",
  GIT_COMMITTER_EMAIL: "galley@localhost",
  GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z",
};

/** Returns the repository's path. */
export function sampleRepository(folder, repository) {
  const git = (...args) => run(["--git-dir", repository, "--work-tree", folder, ...args]);
  const run = (args) =>
    execFileSync("git", args, {
      encoding: "utf8",
      // Neither the caller's repository nor its settings have a say in this one.
      env: { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1", ...author },
      stdio: ["ignore", "pipe", "inherit"],
    }).trim();
  if (!existsSync(`${repository}/HEAD`)) {
    mkdirSync(dirname(repository), { recursive: true });
    run(["init", "--quiet", "--bare", "--initial-branch=main", repository]);
  }
  git("add", "--all", "--force", ".");
  const tree = git("write-tree");
  const parent = git("for-each-ref", "--format=%(objectname)", "refs/heads/main");
  if (parent === "" || git("rev-parse", `${parent}^{tree}`) !== tree) {
    const commit = git("commit-tree", tree, "-m", "The ship's shop", ...(parent ? ["-p", parent] : []));
    git("update-ref", "refs/heads/main", commit);
  }
  return repository;
}
