import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { linkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createDirectoryTree, type SolveStatus } from "../../src/buildkit/index.js";
import { createGitTree } from "../../src/source/index.js";
import { onEachEngine } from "../support/engines.js";
import { counted, freshKey, solve, withFolder, writeTree } from "./build.js";

const many = 20_000;

/** A commit on top of `main`, without a working tree: twenty thousand files take longer to write than to build. */
function commit(repository: string, changes: ReadonlyMap<string, string | undefined>, first = false): void {
  const lines = ["commit refs/heads/main", "committer a <a@example.test> 1700000000 +0000", "data 1", "c"];
  if (!first) lines.push("from refs/heads/main^0");
  for (const [path, content] of changes) {
    if (content === undefined) lines.push(`D ${path}`);
    else lines.push(`M 100644 inline ${path}`, `data ${content.length}`, content);
  }
  const options = { cwd: repository, input: `${lines.join("\n")}\n` };
  execFileSync("git", ["-c", "gc.auto=0", "fast-import", "--quiet"], options);
}

/** Needs the whole context, and costs the engine nothing but that. */
const dockerfile = "FROM busybox\nRUN --mount=type=bind,target=/context true\n";
/** Says in the step's log how many files there are, and what is in them. */
const countingDockerfile =
  "FROM busybox\nRUN --mount=type=bind,target=/context cd /context && find . -type f | sort > /names && echo $(wc -l < /names) files $(xargs cat < /names | md5sum)\n";

onEachEngine((engine) => {
  test("20,000 files are sent once; then nothing, or what changed, also from a fresh clone.", () =>
    withFolder(async (folder) => {
      const repository = join(folder, "repository.git");
      execFileSync("git", ["init", "-q", "--bare", "-b", "main", repository]);
      const files = new Map<string, string>();
      const sharedKey = freshKey();
      // Of this try alone: of the same content the engine has the step already, and it prints nothing.
      for (let at = 0; at < many; at++)
        files.set(`d${at % 150}/e${at % 7}/file-${at}`, `content ${at} ${sharedKey}`);
      commit(repository, files, true);
      let log = "";
      const onStatus = ({ logs }: SolveStatus) => {
        for (const { data } of logs) log += Buffer.from(data).toString();
      };
      const send = async (from: string, text = dockerfile) => {
        const tree = await createGitTree({ repository: from, commit: "main" });
        const seen = counted(tree);
        try {
          await solve(engine, text, { context: seen.tree }, { sharedKey, onStatus });
        } finally {
          await tree.close();
        }
        return seen.names();
      };
      expect(await send(repository, countingDockerfile)).toHaveLength(many);
      // It is all there, as it is in the repository.
      const whole = createHash("md5");
      for (const path of [...files.keys()].sort()) whole.update(files.get(path) ?? "");
      expect(log).toContain(`${many} files ${whole.digest("hex")}`);
      expect(await send(repository)).toEqual([]);

      commit(repository, new Map([["d3/e3/file-3", "content X"]]));
      const clone = join(folder, "clone.git");
      execFileSync("git", ["clone", "-q", "--bare", `file://${repository}`, clone]);
      expect(await send(clone)).toEqual(["d3/e3/file-3"]);

      commit(
        repository,
        new Map([
          ["d3/e3/file-3", undefined],
          ["d3/e3/moved", "content X"],
        ]),
      );
      expect(await send(repository)).toEqual(["d3/e3/moved"]);
    }));

  test("An unchanged directory is not sent again, a changed file is.", () =>
    withFolder(async (folder) => {
      await writeTree(folder, { a: "1", "b/c": "2", "b/d": "3" });
      linkSync(join(folder, "a"), join(folder, "z-hard-link"));
      symlinkSync("b/c", join(folder, "symlink"));
      const sharedKey = freshKey();
      const send = async () => {
        const seen = counted(createDirectoryTree(folder));
        const { sent } = await solve(engine, dockerfile, { context: seen.tree }, { sharedKey });
        expect(sent.files).toBe(seen.reads());
        return seen.names();
      };
      expect((await send()).sort()).toEqual(["a", "b/c", "b/d"]);
      expect(await send()).toEqual([]);
      writeFileSync(join(folder, "b/c"), "4");
      expect(await send()).toEqual(["b/c"]);
    }));
});
