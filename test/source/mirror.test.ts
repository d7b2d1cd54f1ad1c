import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, test } from "vitest";
import { createMirrors } from "../../src/source/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { allProcesses, makeProgram, outputOf, startProgram } from "./other-process.js";
import { atEnd, mirrorOf, origin, root, serve, soon, useRoom } from "./room.js";

useRoom();

test("pull requests, merge requests, branches, tags, HEAD and commits are fetched and resolved", async () => {
  const { commit, git, bare } = origin();
  const first = commit("refs/heads/main", { a: "1" });
  git("tag", "-a", "-m", "t", "v1");
  git("push", "-q", bare, "v1");
  const change = commit("refs/pull/7/head", { b: "2" });
  const merge = commit("refs/merge-requests/3/head", { c: "3" });
  const branch = commit("refs/heads/feature/x", { d: "4" });
  const between = commit("refs/pull/9/head", { e: "5" });
  commit("refs/pull/9/head", { e: "6" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const wanted = ["refs/pull/7/head", "refs/merge-requests/3/head", "feature/x", "v1", "HEAD", between];
  expect(await mirror.fetch(wanted, soon())).toEqual(
    new Map([
      ["refs/pull/7/head", change],
      ["refs/merge-requests/3/head", merge],
      ["feature/x", branch],
      ["v1", first],
      ["HEAD", first],
      [between, between],
    ]),
  );
  for (const [ref, id] of [
    ["refs/pull/7/head", change],
    ["feature/x", branch],
    ["HEAD", first],
    [between.slice(0, 12), between],
  ] as const) {
    expect(await mirror.resolve(ref, soon()), ref).toBe(id);
  }
  await expect(mirror.resolve("main", soon())).rejects.toMatchObject({ code: "git_ref_not_found" });
  expect((await mirror.listRefs(soon())).get("refs/pull/7/head")).toBe(change);
  expect([...(await mirror.listRefs({ ...soon(), patterns: ["refs/heads/*"] })).keys()]).toEqual([
    "refs/heads/feature/x",
    "refs/heads/main",
  ]);
});

test("what is here is not sent again, and a commit that is here costs no request", async () => {
  const { commit } = origin();
  const first = commit(
    "refs/heads/main",
    Object.fromEntries([...Array(40)].map((_, at) => [`f${at}`, `${at}`])),
  );
  const { url, requests } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  await mirror.fetch(["refs/heads/main"], soon());
  const next = commit("refs/pull/1/head", { f0: "changed" });
  const received: number[] = [];
  await mirror.fetch(["refs/pull/1/head"], {
    ...soon(),
    onProgress: ({ phase, total }) => void (phase === "receiving" && received.push(total)),
  });
  // One commit, one tree, one file.
  expect(Math.max(...received)).toBe(3);
  const before = requests.length;
  expect((await mirror.fetch([next, first], soon())).get(first)).toBe(first);
  expect(requests.length).toBe(before);
});

test("a branch that was pushed over with force, and one that became a directory, are followed", async () => {
  const { commit, git, bare } = origin();
  commit("refs/heads/topic", { a: "1" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  await mirror.fetch(["topic"], soon());
  git("checkout", "-q", "--orphan", "other");
  const forced = commit("refs/heads/topic", { b: "2" });
  expect((await mirror.fetch(["topic"], soon())).get("topic")).toBe(forced);
  git("push", "-q", bare, ":refs/heads/topic");
  const below = commit("refs/heads/topic/one", { c: "3" });
  expect((await mirror.fetch(["topic/one"], soon())).get("topic/one")).toBe(below);
  git("push", "-q", bare, ":refs/heads/topic/one");
  const again = commit("refs/heads/topic", { d: "4" });
  expect((await mirror.fetch(["refs/heads/topic"], soon())).get("refs/heads/topic")).toBe(again);
});

test("a server of the old protocol gives commits by way of its branches", async () => {
  const { commit } = origin();
  const first = commit("refs/heads/main", { a: "1" });
  commit("refs/heads/main", { a: "2" });
  const { url } = await serve({ oldProtocol: true });
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  expect((await mirror.fetch([first], soon())).get(first)).toBe(first);
  const unknown = "c".repeat(40);
  await expect(mirror.fetch([unknown], soon())).rejects.toMatchObject({ code: "git_ref_not_found" });
});

test("a repository that names its objects by SHA-256 is mirrored like any other", async () => {
  const { commit } = origin("acme/shop", "sha256");
  const id = commit("refs/heads/main", { a: "1" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  expect((await mirror.fetch(["main"], soon())).get("main")).toBe(id);
  expect(id).toHaveLength(64);
});

test("a ref that does not exist fails alone, not those that are asked for beside it", async () => {
  const { commit } = origin();
  const id = commit("refs/heads/main", { a: "1" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const good = awaitedLater(mirror.fetch(["refs/heads/main"], soon()));
  const bad = mirror.fetch(["refs/pull/8/head"], soon());
  await expect(bad).rejects.toMatchObject({
    code: "git_ref_not_found",
    message: expect.stringContaining("refs/pull/8/head"),
    hint: expect.stringContaining("pull request 8"),
  });
  expect((await good).get("refs/heads/main")).toBe(id);
});

test.each([
  "",
  "--upload-pack=touch x",
  "main:refs/heads/x",
  "a..b",
  "refs/heads/*",
  "^main",
  "a b",
  "@{-1}",
])("%j is refused before git hears of it", async (ref) => {
  const { url, requests } = await serve();
  await expect(mirrorOf(`${url}/acme/shop.git`).fetch([ref], soon())).rejects.toMatchObject({
    code: "git_ref_not_found",
  });
  expect(requests).toEqual([]);
});

test("everything that is asked for at once, and all that is asked for meanwhile, is one fetch each", async () => {
  const { commit } = origin();
  const ids = [...Array(12)].map((_, at) => commit(`refs/pull/${at}/head`, { [`f${at}`]: "x" }));
  const { url, requests } = await serve();
  const mirrors = createMirrors({ root: join(root, "repos") });
  atEnd(() => mirrors.close());
  const open = () => mirrors.open({ repoKey: "shop", url: `${url}/acme/shop.git`, credential: null });
  const ask = async (at: number) =>
    (await open().fetch([`refs/pull/${at}/head`], soon())).get(`refs/pull/${at}/head`);
  const first = [0, 1, 2, 3].map((at) => awaitedLater(ask(at)));
  let begun = () => {};
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const watching = awaitedLater(open().fetch(["refs/pull/0/head"], { ...soon(), onProgress: () => begun() }));
  await running;
  const meanwhile = [4, 5, 6, 7, 8, 9, 10, 11].map(ask);
  expect(await Promise.all([...first, ...meanwhile])).toEqual(ids);
  await watching;
  // Per fetch one request for the refs and one or two for the objects.
  expect(requests.filter(({ line }) => line.startsWith("GET"))).toHaveLength(2);
});

test("a ref that is asked for while it is being fetched is read again: the push may have come in between", async () => {
  const { commit } = origin();
  const first = commit("refs/heads/main", { a: "1" });
  let release = () => {};
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  let reached = () => {};
  const ready = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const { url } = await serve({
    delay: () => {
      reached();
      return hold;
    },
  });
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const before = awaitedLater(mirror.fetch(["refs/heads/main"], soon()));
  // The server has said which commit it is; the answer is on its way.
  await ready;
  const pushed = commit("refs/heads/main", { a: "2" });
  const after = awaitedLater(mirror.fetch(["refs/heads/main"], soon()));
  release();
  expect((await before).get("refs/heads/main")).toBe(first);
  expect((await after).get("refs/heads/main")).toBe(pushed);
});

test("a commit that is being fetched is waited for by all who want it", async () => {
  const { commit } = origin();
  const id = commit("refs/heads/main", { a: "1" });
  const { url, requests } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  let begun = () => {};
  const running = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const one = awaitedLater(mirror.fetch([id], { ...soon(), onProgress: () => begun() }));
  await running;
  const others = [1, 2, 3].map(() => mirror.fetch([id], soon()));
  await Promise.all([one, ...others]);
  expect(requests.filter(({ line }) => line.startsWith("GET"))).toHaveLength(1);
});

test("one who leaves does not end the fetch of the others; when all have left, every process of it ends", async () => {
  const { commit } = origin();
  commit("refs/heads/main", { a: "1" });
  let release = () => {};
  const hold = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { url } = await serve({ delay: () => hold });
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  const leaving = new AbortController();
  const left = awaitedLater(mirror.fetch(["refs/heads/main"], { signal: leaving.signal }));
  const staying = awaitedLater(mirror.fetch(["refs/heads/main"], soon()));
  leaving.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  const children = () => allProcesses().filter(({ cmdline }) => cmdline.includes(url));
  await expect.poll(() => children().length).toBeGreaterThan(0);
  release();
  expect((await staying).size).toBe(1);

  const stuck = await serve({ delay: () => new Promise(() => {}) });
  const second = mirrorOf(`${stuck.url}/acme/shop.git`, { repoKey: "second" });
  const all = new AbortController();
  const nobody = awaitedLater(second.fetch(["refs/heads/main"], { signal: all.signal }));
  const mine = () => allProcesses().filter(({ cmdline }) => cmdline.includes(stuck.url));
  await expect.poll(() => mine().length).toBeGreaterThan(0);
  all.abort(new Error("all gone"));
  await expect(nobody).rejects.toThrow("all gone");
  await expect.poll(() => mine()).toEqual([]);
});

test("processes of one host wait for each other", async () => {
  const { commit } = origin();
  const ids = [...Array(6)].map((_, at) => commit(`refs/pull/${at}/head`, { [`f${at}`]: "x" }));
  const { url } = await serve();
  const program = await makeProgram(
    root,
    `const mirror = openMirror({ ...input, credential: null });
     const found = await mirror.fetch([input.ref], { signal: AbortSignal.timeout(60000) });
     console.log(found.get(input.ref));
     await mirror.close();`,
  );
  const outputs = ids.map((_, at) =>
    outputOf(
      startProgram(program, {
        ...{ root: join(root, "repos"), repoKey: "shop", url: `${url}/acme/shop.git` },
        ref: `refs/pull/${at}/head`,
      }),
    ),
  );
  expect(await Promise.all(outputs)).toEqual(ids);
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  for (const [at, id] of ids.entries()) expect(await mirror.resolve(`refs/pull/${at}/head`, soon())).toBe(id);
  expect(readdirSync(join(root, "repos/.lock/shop"))).toEqual([]);
});

test("many packs become few, and what was in them is still there", async () => {
  const { commit } = origin();
  commit("refs/heads/main", { a: "1" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  await mirror.fetch(["refs/heads/main"], soon());
  const directory = join(mirror.path, "objects/pack");
  const packs = () => readdirSync(directory).filter((name) => name.endsWith(".pack")).length;
  const run = (args: string[], input: string) =>
    execFileSync("git", args, {
      cwd: mirror.path,
      input,
      env: { PATH: process.env.PATH },
      encoding: "utf8",
    }).trim();
  const blobs = [...Array(25)].map((_, at) => run(["hash-object", "-w", "--stdin"], `blob ${at}`));
  for (const blob of blobs) run(["pack-objects", "-q", join(directory, "pack")], `${blob}\n`);
  expect(packs()).toBe(26);
  const next = commit("refs/heads/main", { a: "2" });
  await mirror.fetch(["refs/heads/main"], soon());
  await expect.poll(packs).toBeLessThan(10);
  expect(await mirror.resolve("main", soon())).toBe(next);
  expect(run(["cat-file", "blob", blobs[7] ?? ""], "")).toBe("blob 7");
  const last = commit("refs/heads/main", { a: "3" });
  expect((await mirror.fetch(["main"], soon())).get("main")).toBe(last);
});

test("a server that never answers is given up, and named", async () => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  atEnd(() => silent.close());
  const { port } = silent.address() as { port: number };
  const waiting = mirrorOf(`http://127.0.0.1:${port}/acme/shop.git`, { git: { timeoutMs: 500 } });
  await expect(waiting.fetch(["main"], soon())).rejects.toMatchObject({
    code: "git_timeout",
    message: expect.stringContaining(`http://127.0.0.1:${port}/acme/shop.git`),
  });
});

test("a host that takes no connection is given up long before git would", async () => {
  // A listener whose process stands still: the kernel takes as many connections as it was told, and drops what comes then.
  const program = `require("net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, function () { console.log(this.address().port); })`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(() => child.kill("SIGKILL"));
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const port = Number(line.toString());
  child.kill("SIGSTOP");
  const taken: Socket[] = [];
  for (let full = false; !full; ) {
    const socket = connect(port, "127.0.0.1");
    taken.push(socket.on("error", () => {}));
    full = await Promise.race([once(socket, "connect").then(() => false), wait(500).then(() => true)]);
  }
  const mirror = mirrorOf(`http://127.0.0.1:${port}/acme/shop.git`, { git: { connectTimeoutMs: 600 } });
  await expect(mirror.fetch(["refs/heads/main"], soon())).rejects.toMatchObject({
    code: "git_unreachable",
    message: expect.stringContaining("took no connection"),
  });
  for (const socket of taken) socket.destroy();
});

test("a repository that sends more than is allowed is given up, and nothing of it is kept", async () => {
  const { commit } = origin();
  commit("refs/heads/main", { noise: randomBytes(6_000_000) });
  const { url } = await serve({ trickle: true });
  const mirror = mirrorOf(`${url}/acme/shop.git`, { git: { maxBytes: 500_000 } });
  await expect(mirror.fetch(["refs/heads/main"], soon())).rejects.toMatchObject({
    code: "git_failed",
    message: expect.stringContaining("sends more than"),
  });
  expect(existsSync(mirror.path)).toBe(false);
  expect(readdirSync(join(root, "repos/.making/shop"))).toEqual([]);
});

test.each([
  "ext::sh -c touch% ran",
  "ftp://host/x",
  "http://u:p@host/x",
  "-oProxyCommand=x:y",
  "ssh://-oProxyCommand=x/y",
  "/srv/repo",
  "file:///srv/repo",
  "fd::17/foo",
])("the address %j is refused", (url) => {
  expect(() => mirrorOf(url)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("a repository key cannot lead out of the directory", () => {
  for (const repoKey of ["../x", ".hidden", "a/b", "", "A"]) {
    expect(() => mirrorOf("https://example.test/x", { repoKey }), repoKey).toThrow(
      expect.objectContaining({ code: "config_invalid" }),
    );
  }
});

test("nothing of a user's or system's configuration has a say", async () => {
  const { commit } = origin();
  const id = commit("refs/heads/main", { a: "1" });
  const { url } = await serve();
  const home = join(root, "home");
  mkdirSync(home);
  const ran = join(root, "ran");
  writeFileSync(
    join(home, ".gitconfig"),
    `[url "http://127.0.0.1:1/"]\n\tinsteadOf = ${url}/\n[core]\n\thooksPath = ${home}\n\tsshCommand = touch ${ran}\n[credential]\n\thelper = "!touch ${ran}"\n`,
  );
  writeFileSync(join(home, "reference-transaction"), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  const names = {
    HOME: home,
    GIT_CONFIG_GLOBAL: join(home, ".gitconfig"),
    GIT_DIR: "/nowhere",
    GIT_SSL_NO_VERIFY: "1",
  };
  const before = Object.fromEntries(Object.keys(names).map((name) => [name, process.env[name]]));
  Object.assign(process.env, names);
  try {
    const found = await mirrorOf(`${url}/acme/shop.git`).fetch(["main"], soon());
    expect(found.get("main")).toBe(id);
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
  expect(existsSync(ran)).toBe(false);
});
