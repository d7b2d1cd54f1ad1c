// LFS objects that a fork's code names: whoever knows the checksum of one could else read it in a build.
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  type Credential,
  type GitTree,
  type Mirror,
  namesMoreThanItsBase,
  openSource,
} from "../../src/source/index.js";
import { type LfsServer, type LfsServerOptions, oidOf, pointerTo, serveLfs } from "./lfs-server.js";
import type { Origin } from "./remote.js";
import { atEnd, contentOf, mirrorOf, origin, serve, soon, useRoom } from "./room.js";

useRoom();

const user = { name: "x", password: "t0ken-of-lfs" };
const token: Credential = { kind: "token", username: user.name, token: user.password };
const attributes = "*.bin filter=lfs diff=lfs merge=lfs -text\n";
const head = "refs/pull/1/head";

interface Setting {
  readonly source: Origin;
  readonly lfs: LfsServer;
  readonly mirror: Mirror;
  readonly url: string;
  /** The commit of `main`, with one LFS file. */
  readonly main: string;
  open(commit: string, fork: boolean): Promise<GitTree>;
}

/** A repository whose default branch has `one`, and another branch `two`, both of which its login alone reads. */
async function forge(options: LfsServerOptions = { user }): Promise<Setting & { readonly other: string }> {
  const source = origin();
  const lfs = await serveLfs(options);
  atEnd(() => lfs.close());
  const { url } = await serve({
    before: (request, response) => {
      if (!request.url?.includes("/info/lfs/")) return false;
      lfs.handle(request, response);
      return true;
    },
  });
  const mirror = mirrorOf(`${url}/acme/shop.git`, { credential: token });
  for (const content of ["one", "two"]) lfs.add(content);
  const main = source.commit("refs/heads/main", { ".gitattributes": attributes, "a.bin": pointerTo("one") });
  const other = source.commit("refs/heads/other", { "b.bin": pointerTo("two") });
  source.git("reset", "-q", "--hard", main);
  return {
    ...{ source, lfs, mirror, url, main, other },
    open: async (commit, fork) => {
      await mirror.fetch([commit], soon());
      const tree = await openSource({ mirror, commit, fork, ...soon() });
      atEnd(() => tree.close());
      return tree;
    },
  };
}

const stored = ({ path }: Mirror, content: string) => {
  const oid = oidOf(content);
  return existsSync(join(path, "lfs/objects", oid.slice(0, 2), oid.slice(2, 4), oid));
};

test("a fork that leaves the files of the default branch as they are has them, by the login, from wherever it has put them", async () => {
  const { source, lfs, open } = await forge();
  const fork = source.commit(head, { "moved/a.bin": pointerTo("one"), plain: "p" });
  expect(await contentOf(await open(fork, true))).toMatchObject({
    ...{ "a.bin": "one", "moved/a.bin": "one", plain: "p" },
  });
  expect(lfs.requests[0]?.authorization).toMatch(/^Basic /);
});

test("an object that another branch names, and that its login has brought before, is not given to a fork that names it", async () => {
  const { source, lfs, mirror, main, other, open } = await forge();
  expect(await contentOf(await open(other, false))).toMatchObject({ "a.bin": "one", "b.bin": "two" });
  expect(stored(mirror, "two")).toBe(true);
  const fork = source.commit(head, { "c.bin": pointerTo("two") });
  const asked = lfs.requests.length;
  await expect(contentOf(await open(fork, true))).rejects.toMatchObject({
    code: "context_invalid",
    message: expect.stringMatching(
      /^c\.bin cannot be read from LFS: the default branch does not name it .*without a credential/,
    ),
    hint: expect.stringContaining("--no-fork"),
  });
  const questions = lfs.requests.slice(asked).filter(({ body }) => body.includes(oidOf("two")));
  expect(questions.map(({ authorization }) => authorization)).toEqual([undefined]);
  // The same as the other branch has it, and from there.
  source.git("reset", "-q", "--hard", other);
  await expect(contentOf(await open(source.commit(head, { d: "1" }), true))).rejects.toMatchObject({
    message: expect.stringContaining("b.bin cannot be read from LFS"),
  });
  // Whoever has read it may say so.
  source.git("reset", "-q", "--hard", main);
  expect(await contentOf(await open(fork, false))).toMatchObject({ "c.bin": "two" });
});

test("what anybody may have a fork gets without the login, and it is kept where forks alone look, also when the mirror is made anew", async () => {
  const { source, lfs, mirror, open } = await forge({});
  lfs.add("three");
  const fork = source.commit(head, { "c.bin": pointerTo("three") });
  expect(await contentOf(await open(fork, true))).toMatchObject({ "a.bin": "one", "c.bin": "three" });
  const byOid = (oid: string) => lfs.requests.filter(({ body }) => body.includes(oid));
  expect(byOid(oidOf("three")).map(({ authorization }) => authorization)).toEqual([undefined]);
  expect(byOid(oidOf("one")).map(({ authorization }) => authorization)).toEqual([
    expect.stringMatching(/^Basic /),
  ]);
  expect(stored(mirror, "three")).toBe(false);
  rmSync(join(mirror.path, "HEAD"));
  const before = lfs.requests.length;
  await mirror.fetch([head], soon());
  expect(await contentOf(await open(fork, true))).toMatchObject({ "c.bin": "three" });
  expect(lfs.requests).toHaveLength(before);
});

test("an LFS server that a fork names is asked without the login, and only for what the default branch does not have", async () => {
  const { source, lfs, url, open } = await forge();
  const named = await serveLfs();
  atEnd(() => named.close());
  for (const content of ["one", "three"]) named.add(content);
  const fork = source.commit(head, {
    ".lfsconfig": `[lfs]\n\turl = ${named.url.replace("127.0.0.1", "localhost")}/some/where\n`,
    "c.bin": pointerTo("three"),
  });
  expect(await contentOf(await open(fork, true))).toMatchObject({ "a.bin": "one", "c.bin": "three" });
  const batches = named.requests.filter(({ line }) => line.startsWith("POST"));
  expect(batches).toHaveLength(1);
  expect(batches[0]).toMatchObject({
    authorization: undefined,
    body: expect.not.stringContaining(oidOf("one")),
  });
  expect(lfs.requests[0]?.authorization).toMatch(/^Basic /);
  // On the repository's own host, too.
  lfs.add("four");
  const sly = source.commit(head, {
    ".lfsconfig": `[lfs]\n\turl = ${url}/acme/other.git/info/lfs\n`,
    "c.bin": pointerTo("four"),
  });
  const asked = lfs.requests.length;
  await expect(contentOf(await open(sly, true))).rejects.toThrow();
  const shown = lfs.requests.slice(asked).filter(({ line }) => line.includes("/other.git/"));
  expect(shown.map(({ authorization }) => authorization)).toEqual([undefined]);
});

test("a fork of a repository without a default branch, or with nothing in common with it, gets nothing by the login", async () => {
  const { source, mirror, open } = await forge();
  expect(await contentOf(await open(source.commit(head, { x: "1" }), true))).toMatchObject({
    "a.bin": "one",
  });
  source.git("checkout", "-q", "--orphan", "alone");
  const alone = source.commit(head, { y: "1" });
  await expect(contentOf(await open(alone, true))).rejects.toMatchObject({ code: "context_invalid" });
  source.git("--git-dir", source.bare, "update-ref", "-d", "refs/heads/main");
  rmSync(mirror.path, { recursive: true });
  await expect(contentOf(await open(alone, true))).rejects.toMatchObject({ code: "context_invalid" });
});

test("a fork's commit is told from its base by the objects and submodules that it alone names", async () => {
  const { source, mirror, other } = await forge();
  const more = async (commit: string) => {
    await mirror.fetch([commit], soon());
    return await namesMoreThanItsBase(mirror, commit, soon().signal);
  };
  expect(
    await more(source.commit(head, { "moved/a.bin": pointerTo("one"), "small.txt": "no pointer" })),
  ).toBe(false);
  expect(await more(other)).toBe(true);
  source.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},lib`);
  expect(await more(source.commit(head, { plain: "p" }))).toBe(false);
  source.git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},lib`);
  source.git("commit", "-q", "-m", "link");
  source.git("push", "-q", "-f", source.bare, `HEAD:${head}`);
  expect(await more(source.git("rev-parse", "HEAD"))).toBe(true);
});
