import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCommitFiles } from "./commit-files.js";
import { commit, entries, git, repository, signal, useRepository, write } from "./repository.testing.js";

useRepository();

test("paths of a commit are found with mode and id, files, directories and links alike", async () => {
  write("services/basket/a");
  write("services/site/b");
  symlinkSync("services", join(repository, "link"));
  const files = openCommitFiles(repository, commit());
  const found = await files.lookup(
    ["services", "./services/basket/", "services/site/b", "link", "link/site", "no"],
    signal,
  );
  expect(Object.fromEntries(found)).toEqual({
    services: { mode: "040000", id: git("rev-parse", "HEAD:services") },
    "services/basket": { mode: "040000", id: git("rev-parse", "HEAD:services/basket") },
    "services/site/b": { mode: "100644", id: git("rev-parse", "HEAD:services/site/b") },
    link: { mode: "120000", id: git("rev-parse", "HEAD:link") },
  });
  expect(await files.treeId(".")).toBe(git("rev-parse", "HEAD^{tree}"));
  expect(await files.treeId("services/site")).toBe(git("rev-parse", "HEAD:services/site"));
  expect(await files.treeId("services/site/b")).toBeUndefined();
  await files.close();
});

test("a commit tells its author and the first line of its message", async () => {
  git("commit", "-q", "--allow-empty", "-m", "one\ntwo", "--author", "Zoë Q <zoe@example.test>");
  const files = openCommitFiles(repository, git("rev-parse", "HEAD"));
  expect(await files.about(signal)).toEqual({ author: "Zoë Q", subject: "one" });
  git("commit", "-q", "--allow-empty", "-m", "first", "-m", "author Nobody <x>");
  await files.close();
  const next = openCommitFiles(repository, git("rev-parse", "HEAD"));
  expect(await next.about(signal)).toEqual({ author: "a", subject: "first" });
  await next.close();
});

test("a name that is a pattern to git means the file of that name", async () => {
  write("*", "star");
  write("other");
  write(":(top)x");
  const files = openCommitFiles(repository, commit());
  expect([...(await files.lookup(["*", ":(top)x"], signal)).keys()].sort()).toEqual(["*", ":(top)x"]);
  await expect(files.lookup(["../x"], signal)).rejects.toMatchObject({ code: "file_not_found" });
  await files.close();
});

test("a file is read up to a limit, and the root's files are a tree without its directories", async () => {
  write("galley.yml", "version: 1\n");
  write("sub/file");
  const files = openCommitFiles(repository, commit());
  expect((await files.read("galley.yml", 100, signal))?.toString()).toBe("version: 1\n");
  expect(await files.read("galley.yml", 5, signal)).toBeUndefined();
  expect(await files.read("sub", 100, signal)).toBeUndefined();
  const tree = await files.root(signal);
  const all = await entries(tree);
  expect(all.map(({ path }) => path.toString())).toEqual(["galley.yml"]);
  const chunks: Uint8Array[] = [];
  for await (const chunk of tree.read(all[0]!, signal)) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe("version: 1\n");
  await files.close();
});
