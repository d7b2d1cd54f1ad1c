import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  commit,
  content,
  entries,
  environment,
  git,
  open,
  repository,
  useRepository,
  work,
  write,
} from "./repository.testing.js";

useRepository();

test("an object that is missing or damaged fails the reading and names the file", async () => {
  write("kept");
  write("lost");
  write("broken", "broken content");
  commit();
  const object = (path: string) => {
    const id = git("rev-parse", `HEAD:${path}`);
    return join(repository, ".git/objects", id.slice(0, 2), id.slice(2));
  };
  const tree = await open();
  const [broken, kept, lost] = await entries(tree);
  unlinkSync(object("lost"));
  chmodSync(object("broken"), 0o644);
  writeFileSync(object("broken"), "garbage");
  expect(await content(tree, kept)).toBe("kept");
  await expect(content(tree, lost)).rejects.toMatchObject({
    code: "context_invalid",
    message: expect.stringContaining("lost"),
  });
  await expect(content(tree, broken)).rejects.toMatchObject({
    code: "context_invalid",
    message: expect.stringContaining("broken"),
  });
  await expect(open()).rejects.toMatchObject({ code: "git_repository_invalid" });
});

test("a partial clone is refused without asking its remote", async () => {
  write("a");
  commit();
  git("config", "uploadpack.allowFilter", "true");
  const clone = join(work, "partial.git");
  execFileSync("git", ["clone", "-q", "--bare", "--filter=blob:none", `file://${repository}`, clone], {
    env: environment,
  });
  renameSync(repository, `${repository}-away`);
  const witness = join(work, "fetched");
  execFileSync("git", ["-C", clone, "config", "remote.origin.url", `ext::touch ${witness}`], {
    env: environment,
  });
  await expect(open({ repository: clone })).rejects.toMatchObject({ code: "git_repository_invalid" });
  expect(existsSync(witness)).toBe(false);
});

test("the caller's GIT_ variables do not lead elsewhere", async () => {
  write("a");
  commit();
  const other = join(work, "other");
  execFileSync("git", ["init", "-q", other], { env: environment });
  const variables = {
    GIT_DIR: join(other, ".git"),
    GIT_OBJECT_DIRECTORY: join(other, ".git/objects"),
    GIT_CONFIG_COUNT: "x",
  };
  Object.assign(process.env, variables);
  try {
    expect((await entries(await open())).map(({ path }) => path.toString())).toEqual(["a"]);
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
});

test("refs/replace of a remote does not exchange what a commit holds", async () => {
  write("a", "honest");
  const honest = commit();
  write("a", "replaced");
  git("replace", honest, commit());
  const tree = await open({ commit: honest });
  expect(await content(tree, (await entries(tree))[0])).toBe("honest");
});

test("nothing that the repository's configuration names is run", async () => {
  write("a");
  write(".gitattributes", "* filter=evil\n");
  commit();
  const witness = join(work, "ran");
  const script = join(work, "evil.sh");
  writeFileSync(script, `#!/bin/sh\ntouch ${witness}\ncat\n`, { mode: 0o755 });
  for (const key of [
    "core.fsmonitor",
    "core.pager",
    "filter.evil.smudge",
    "filter.evil.process",
    "core.sshCommand",
    "core.editor",
  ]) {
    git("config", key, script);
  }
  rmSync(witness, { force: true });
  const tree = await open();
  for (const entry of await entries(tree)) await content(tree, entry);
  expect(existsSync(witness)).toBe(false);
});

test("trees that no file system could hold are refused", async () => {
  const blob = execFileSync("git", ["hash-object", "-w", "--stdin"], {
    cwd: repository,
    env: environment,
    input: "x",
    encoding: "utf8",
  }).trim();
  const mktree = (name: string) => {
    const input = Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(blob, "hex")]);
    const tree = execFileSync("git", ["hash-object", "-w", "-t", "tree", "--literally", "--stdin"], {
      cwd: repository,
      env: environment,
      input,
      encoding: "utf8",
    }).trim();
    return git("commit-tree", "-m", "evil", tree);
  };
  for (const name of ["..", ".", "../../etc/passwd", "a//b"]) {
    await expect(open({ commit: mktree(name) }), name).rejects.toMatchObject({
      code: "git_repository_invalid",
    });
  }
});
