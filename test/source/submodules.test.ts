import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Credential, type GitTree, openSource } from "../../src/source/index.js";
import { pointerTo, serveLfs } from "./lfs-server.js";
import type { Origin } from "./remote.js";
import { atEnd, contentOf, mirrorOf, origin, root, serve, soon, useRoom } from "./room.js";

useRoom();

const user = { name: "x", password: "t0ken" };
const token: Credential = { kind: "token", username: user.name, token: user.password };

/** Commits files and links to other repositories' commits: by path, the address as .gitmodules has it, and the commit. */
function commitLinks(
  source: Origin,
  files: Record<string, string>,
  links: readonly (readonly [path: string, url: string, commit: string])[],
): string {
  const modules = links
    .map(([path, url]) => `[submodule "${path}"]\n\tpath = ${path}\n\turl = ${url}\n`)
    .join("");
  source.commit("refs/heads/main", { ...files, ".gitmodules": modules });
  for (const [path, , commit] of links)
    source.git("update-index", "--add", "--cacheinfo", `160000,${commit},${path}`);
  source.git("commit", "-q", "-m", "links");
  source.git("push", "-q", "-f", source.bare, "HEAD:refs/heads/main");
  return source.git("rev-parse", "HEAD");
}

async function open(
  url: string,
  options: {
    credential?: Credential | null;
    subdirectory?: string;
    submodules?: boolean;
    fork?: boolean;
  } = {},
): Promise<GitTree> {
  const mirror = mirrorOf(url, { credential: options.credential ?? null });
  const commit = (await mirror.fetch(["refs/heads/main"], soon())).get("refs/heads/main") ?? "";
  const { subdirectory, submodules, fork = false } = options;
  const tree = await openSource({
    ...{ mirror, commit, fork, ...soon() },
    ...(subdirectory === undefined ? {} : { subdirectory }),
    ...(submodules === undefined ? {} : { submodules }),
  });
  atEnd(() => tree.close());
  return tree;
}

test("submodules stand in their place at the commit that is recorded, nested ones too", async () => {
  const deep = origin("acme/deep");
  const deepest = deep.commit("refs/heads/main", { bottom: "b" });
  const lib = origin("libs/lib");
  const old = commitLinks(lib, { "lib.bat": "x\n", ".gitattributes": "*.bat eol=crlf\n" }, [
    ["inner", "../../acme/deep.git", deepest],
  ]);
  lib.commit("refs/heads/main", { "lib.bat": "newer\n" });
  const source = origin();
  const server = await serve({ user });
  commitLinks(source, { a: "1" }, [
    ["vendor/lib", "../../libs/lib.git", old],
    ["abs", `${server.url}/acme/deep.git`, deepest],
  ]);
  const tree = await open(`${server.url}/acme/shop.git`, { credential: token });
  const content = await contentOf(tree);
  delete content[".gitmodules"];
  delete content["vendor/lib/.gitmodules"];
  expect(content).toEqual({
    a: "1",
    "abs/bottom": "b",
    "vendor/lib/.gitattributes": "*.bat eol=crlf\n",
    "vendor/lib/inner/bottom": "b",
    "vendor/lib/lib.bat": "x\r\n",
  });
  expect(tree.needsCheckout).toEqual([]);
  const inside = await open(`${server.url}/acme/shop.git`, {
    credential: token,
    subdirectory: "vendor/lib/inner",
  });
  expect(await contentOf(inside)).toEqual({ bottom: "b" });
  // They lie inside the mirror of the repository that named them, shared with no other.
  expect(readdirSync(join(root, "repos")).filter((name) => name.endsWith(".git"))).toEqual(["shop.git"]);
  const requests = server.requests.length;
  await open(`${server.url}/acme/shop.git`, { credential: token });
  // Of the second time only the branch itself is asked for.
  expect(server.requests.slice(requests).every(({ line }) => line.includes("/acme/shop.git/"))).toBe(true);
});

test("another host is asked without the token, and its refusal names the submodule", async () => {
  const lib = origin("acme/lib");
  const commit = lib.commit("refs/heads/main", { l: "1" });
  const source = origin();
  const home = await serve({ user });
  const open_ = await serve();
  const closed = await serve({ user });
  const elsewhere = (url: string) => url.replace("127.0.0.1", "localhost");
  commitLinks(source, {}, [["lib", `${elsewhere(open_.url)}/acme/lib.git`, commit]]);
  expect(await contentOf(await open(`${home.url}/acme/shop.git`, { credential: token }))).toMatchObject({
    "lib/l": "1",
  });
  commitLinks(source, {}, [["lib", `${elsewhere(closed.url)}/acme/lib.git`, commit]]);
  await expect(open(`${home.url}/acme/shop.git`, { credential: token })).rejects.toMatchObject({
    code: "git_auth_failed",
    message: expect.stringMatching(/^The submodule lib cannot be had: .*without a credential/),
  });
  for (const { requests } of [open_, closed]) {
    expect(requests.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  }
});

test("what one repository's credential fetched is not there for another one that names the same submodule", async () => {
  const lib = origin("acme/private");
  const commit = lib.commit("refs/heads/main", { secret: "s" });
  const server = await serve({
    before: (request, response) => {
      const pair = Buffer.from(`${user.name}:${user.password}`).toString("base64");
      if (!request.url?.includes("/private.git") || request.headers.authorization === `Basic ${pair}`)
        return false;
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
      return true;
    },
  });
  const mine = origin("acme/shop");
  commitLinks(mine, {}, [["p", "../private.git", commit]]);
  const theirs = origin("acme/evil");
  const evil = commitLinks(theirs, {}, [["p", "../private.git", commit]]);
  expect(await contentOf(await open(`${server.url}/acme/shop.git`, { credential: token }))).toMatchObject({
    "p/secret": "s",
  });
  const mirror = mirrorOf(`${server.url}/acme/evil.git`, { repoKey: "evil" });
  await mirror.fetch(["main"], soon());
  await expect(openSource({ mirror, commit: evil, ...soon() })).rejects.toMatchObject({
    code: "git_auth_failed",
  });
});

test("a fork's submodules are read without the repository's login, and not from what it has brought before", async () => {
  const lib = origin("acme/private");
  const secret = lib.commit("refs/heads/main", { secret: "s" });
  const open_ = origin("acme/open");
  const shown = open_.commit("refs/heads/main", { public: "p" });
  const server = await serve({
    before: (request, response) => {
      const pair = Buffer.from(`${user.name}:${user.password}`).toString("base64");
      if (request.url?.includes("/open.git") || request.headers.authorization === `Basic ${pair}`)
        return false;
      response.writeHead(401, { "www-authenticate": "Basic" }).end();
      return true;
    },
  });
  const source = origin("acme/shop");
  const url = `${server.url}/acme/shop.git`;
  commitLinks(source, {}, [["p", "../private.git", secret]]);
  expect(await contentOf(await open(url, { credential: token }))).toMatchObject({ "p/secret": "s" });
  await expect(open(url, { credential: token, fork: true })).rejects.toMatchObject({
    code: "git_auth_failed",
    hint: expect.stringContaining("--no-fork"),
  });
  // The repository itself is read with it, and what everybody may read is there.
  commitLinks(source, {}, [["o", "../open.git", shown]]);
  const asked = server.requests.length;
  expect(await contentOf(await open(url, { credential: token, fork: true }))).toMatchObject({
    "o/public": "p",
  });
  const seen = server.requests.slice(asked).filter(({ line }) => line.includes("/open.git"));
  expect(seen.map(({ authorization }) => authorization)).toEqual(seen.map(() => undefined));
  expect(seen.length).toBeGreaterThan(0);
});

test("an ssh address on the repository's own host is read over its https, which the token is for", async () => {
  const lib = origin("acme/lib");
  const commit = lib.commit("refs/heads/main", { l: "1" });
  const source = origin();
  const server = await serve({ user });
  commitLinks(source, {}, [
    ["short", "git@127.0.0.1:acme/lib.git", commit],
    ["long", "ssh://git@127.0.0.1/acme/lib.git", commit],
  ]);
  const tree = await open(`${server.url}/acme/shop.git`, { credential: token });
  expect(await contentOf(tree)).toMatchObject({ "short/l": "1", "long/l": "1" });
});

test("a submodule outside of the subdirectory, one without an address and one that is not to be updated cost nothing", async () => {
  const source = origin();
  const gone = "1".repeat(40);
  commitLinks(source, { "web/x": "1" }, [["vendor/gone", "../gone.git", gone]]);
  source.git("update-index", "--add", "--cacheinfo", `160000,${gone},web/unnamed`);
  source.git("commit", "-q", "-m", "unnamed");
  source.git("push", "-q", source.bare, "HEAD:refs/heads/main");
  const server = await serve();
  const tree = await open(`${server.url}/acme/shop.git`, { subdirectory: "web" });
  expect(await contentOf(tree)).toEqual({ x: "1" });
  expect(tree.needsCheckout).toEqual([{ kind: "submodule", path: "unnamed", count: 1, detail: "" }]);
  await expect(open(`${server.url}/acme/shop.git`)).rejects.toMatchObject({
    code: "git_repository_not_found",
    message: expect.stringContaining("The submodule vendor/gone"),
  });
  const without = await open(`${server.url}/acme/shop.git`, { submodules: false });
  expect(Object.keys(await contentOf(without))).toEqual([".gitmodules", "web/x"]);
  expect(server.requests.filter(({ line }) => line.includes("gone")).length).toBeLessThan(3);
});

test("a commit that the submodule does not have is named", async () => {
  const lib = origin("acme/lib");
  lib.commit("refs/heads/main", { l: "1" });
  const source = origin();
  commitLinks(source, {}, [["lib", "../lib.git", "2".repeat(40)]]);
  const server = await serve();
  await expect(open(`${server.url}/acme/shop.git`)).rejects.toMatchObject({
    code: "git_ref_not_found",
    message: expect.stringContaining("2".repeat(40)),
  });
});

test.each([
  "ext::sh -c touch% RAN",
  "file:///etc",
  "/etc",
  "../../../../../../etc",
  "https://user:password@127.0.0.1/x",
  "ssh://-oProxyCommand=touch RAN/x",
])("the submodule address %j is refused", async (address) => {
  const source = origin();
  const ran = join(root, "ran");
  commitLinks(source, {}, [["lib", address.replace("RAN", ran), "3".repeat(40)]]);
  const server = await serve();
  await expect(open(`${server.url}/acme/shop.git`)).rejects.toMatchObject({
    code: expect.stringMatching(/^(config_invalid|git_\w+)$/),
    message: expect.stringContaining("The submodule lib"),
  });
  expect(existsSync(ran)).toBe(false);
});

test("an address that would be an option is not even taken into the mirror", async () => {
  commitLinks(origin(), {}, [["lib", "-u./payload", "3".repeat(40)]]);
  const server = await serve();
  await expect(open(`${server.url}/acme/shop.git`)).rejects.toMatchObject({
    code: "git_failed",
    message: expect.stringContaining("objects that are not taken"),
  });
});

test("a repository that has itself as a submodule ends at a depth", async () => {
  const source = origin();
  const first = source.commit("refs/heads/main", { a: "1" });
  let commit = first;
  for (let depth = 0; depth < 10; depth++) commit = commitLinks(source, {}, [["again", "./", commit]]);
  const server = await serve();
  await expect(open(`${server.url}/acme/shop.git`)).rejects.toMatchObject({
    code: "git_failed",
    message: expect.stringContaining("nested"),
  });
});

test("a submodule's mirror that has lost its objects is made anew", async () => {
  const lib = origin("acme/lib");
  const commit = lib.commit("refs/heads/main", { l: "1" });
  const source = origin();
  commitLinks(source, {}, [["lib", "../lib.git", commit]]);
  const server = await serve();
  await open(`${server.url}/acme/shop.git`);
  const modules = join(root, "repos/shop.git/modules");
  const [name = ""] = readdirSync(modules).filter((folder) => folder.endsWith(".git"));
  const packs = join(modules, name, "objects/pack");
  const [pack = ""] = readdirSync(packs).filter((file) => file.endsWith(".pack"));
  const input = readFileSync(join(packs, pack));
  for (const file of readdirSync(packs)) rmSync(join(packs, file));
  execFileSync("git", ["unpack-objects", "-q"], { cwd: join(modules, name), input });
  const blob = lib.git("rev-parse", `${commit}:l`);
  rmSync(join(modules, name, "objects", blob.slice(0, 2), blob.slice(2)));
  expect(await contentOf(await open(`${server.url}/acme/shop.git`))).toMatchObject({ "lib/l": "1" });
});

test("LFS objects of a submodule come from its own server", async () => {
  const lfs = await serveLfs();
  atEnd(() => lfs.close());
  lfs.add("from lib");
  const lib = origin("acme/lib");
  const commit = lib.commit("refs/heads/main", {
    "l.bin": pointerTo("from lib"),
    ".gitattributes": "*.bin filter=lfs\n",
  });
  const source = origin();
  commitLinks(source, {}, [["lib", "../lib.git", commit]]);
  const server = await serve({
    before: (request, response) => {
      if (!request.url?.startsWith("/acme/lib.git/info/lfs/")) return false;
      lfs.handle(request, response);
      return true;
    },
  });
  expect((await contentOf(await open(`${server.url}/acme/shop.git`)))["lib/l.bin"]).toBe("from lib");
});
