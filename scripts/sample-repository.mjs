// Makes a bare git repository out of folders: a commit on main, and one for each pull request on top of it, with a fixed author and
// date, so that the same files are the same commits on every machine. A changed folder becomes a new commit on main.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";

const author = {
  GIT_AUTHOR_NAME: "Galley",
  GIT_AUTHOR_EMAIL: "galley@localhost",
  GIT_AUTHOR_DATE: "2026-01-01T00:00:00Z",
  GIT_COMMITTER_NAME: "Galley",
  GIT_COMMITTER_EMAIL: "galley@localhost",
  GIT_COMMITTER_DATE: "2026-01-01T00:00:00Z",
};

/**
 * `pulls`: by number, what the pull request is called and the folder of files that it changes. Returns the repository's path.
 */
export function sampleRepository(folder, repository, pulls = {}) {
  const index = `${repository}/galley-index`;
  const run = (args) =>
    execFileSync("git", args, {
      encoding: "utf8",
      // Neither the caller's repository nor its settings have a say in this one.
      env: {
        PATH: process.env.PATH,
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_INDEX_FILE: index,
        ...author,
      },
      stdio: ["ignore", "pipe", "inherit"],
    }).trim();
  const git = (...args) => run(["--git-dir", repository, ...args]);
  if (!existsSync(`${repository}/HEAD`)) {
    mkdirSync(dirname(repository), { recursive: true });
    run(["init", "--quiet", "--bare", "--initial-branch=main", repository]);
  }
  rmSync(index, { force: true });
  const treeWith = (files) => {
    git("--work-tree", files, "add", "--all", "--force", "--ignore-removal", ".");
    return git("write-tree");
  };
  const commit = (tree, message, parent) =>
    git("commit-tree", tree, "-m", message, ...(parent ? ["-p", parent] : []));

  const tree = treeWith(folder);
  let main = git("for-each-ref", "--format=%(objectname)", "refs/heads/main");
  if (main === "" || git("rev-parse", `${main}^{tree}`) !== tree) {
    main = commit(tree, "The ship's shop", main);
    git("update-ref", "refs/heads/main", main);
  }
  for (const [number, { title, files }] of Object.entries(pulls)) {
    git("read-tree", main);
    const head = commit(treeWith(files), title, main);
    // A branch of the repository: a pull request without one is a fork's.
    git("update-ref", `refs/heads/change-${number}`, head);
    git("update-ref", `refs/pull/${number}/head`, head);
  }
  rmSync(index, { force: true });
  return repository;
}
