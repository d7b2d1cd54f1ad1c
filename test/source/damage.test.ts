import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Mirror, openSource } from "../../src/source/index.js";
import { processSpace } from "../../src/source/process-life.js";
import { allProcesses, makeProgram, startProgram } from "./other-process.js";
import { git, type Origin } from "./remote.js";
import { atEnd, contentOf, mirrorOf, origin, root, serve, soon, useRoom } from "./room.js";

useRoom();

const packs = (mirror: Mirror, end: string) =>
  readdirSync(join(mirror.path, "objects/pack"))
    .filter((name) => name.endsWith(end))
    .map((name) => join(mirror.path, "objects/pack", name));

function overwrite(path: string, content: string | Buffer): void {
  chmodSync(path, 0o644);
  writeFileSync(path, content);
}

async function firstFetch(): Promise<{ mirror: Mirror; source: Origin; url: string }> {
  const source = origin();
  source.commit("refs/pull/1/head", { one: "1" });
  source.commit("refs/heads/main", { a: "1", b: "2" });
  const { url } = await serve();
  const mirror = mirrorOf(`${url}/acme/shop.git`);
  await mirror.fetch(["refs/pull/1/head", "refs/heads/main"], soon());
  return { mirror, source, url };
}

test.each<[string, (mirror: Mirror) => void]>([
  ["has lost its HEAD", ({ path }) => unlinkSync(join(path, "HEAD"))],
  ["has an empty HEAD", ({ path }) => truncateSync(join(path, "HEAD"))],
  ["has lost its configuration", ({ path }) => unlinkSync(join(path, "config"))],
  ["has lost its objects", ({ path }) => rmSync(join(path, "objects"), { recursive: true })],
  ["has lost its mark", ({ path }) => unlinkSync(join(path, "galley-mirror.json"))],
  [
    "is a file",
    ({ path }) => {
      rmSync(path, { recursive: true });
      writeFileSync(path, "x");
    },
  ],
  [
    "has a truncated pack",
    (mirror) => {
      for (const pack of packs(mirror, ".pack")) overwrite(pack, readFileSync(pack).subarray(0, 40));
    },
  ],
  ["has an empty pack index", (mirror) => packs(mirror, ".idx").map((index) => overwrite(index, ""))],
  ["has lost its packs", (mirror) => packs(mirror, "").map((file) => unlinkSync(file))],
  ["has a ref that is garbage", ({ path }) => overwrite(join(path, "refs/heads/main"), "garbage\n")],
  ["has a ref to nothing", ({ path }) => overwrite(join(path, "refs/heads/main"), `${"1".repeat(40)}\n`)],
])("a mirror that %s serves the next fetch all the same", async (_, damage) => {
  const { mirror, source } = await firstFetch();
  damage(mirror);
  const next = source.commit("refs/heads/main", { a: "3" });
  expect((await mirror.fetch(["refs/heads/main"], soon())).get("refs/heads/main")).toBe(next);
  const tree = await openSource({ mirror, commit: next, ...soon() });
  atEnd(() => tree.close());
  expect(await contentOf(tree)).toEqual({ a: "3", b: "2", one: "1" });
});

test("an object that is missing is noticed when a tree is opened, and the mirror made anew with all its refs", async () => {
  const { mirror, source } = await firstFetch();
  const head = await mirror.resolve("main", soon());
  unpack(mirror);
  const blob = git(source.work, "rev-parse", `${head}:b`);
  unlinkSync(join(mirror.path, "objects", blob.slice(0, 2), blob.slice(2)));
  mkdirSync(join(mirror.path, "lfs/objects"), { recursive: true });
  writeFileSync(join(mirror.path, "lfs/objects/kept"), "kept");
  const tree = await openSource({ mirror, commit: head, ...soon() });
  atEnd(() => tree.close());
  expect(await contentOf(tree)).toEqual({ a: "1", b: "2", one: "1" });
  expect(await mirror.resolve("refs/pull/1/head", soon())).toMatch(/^[0-9a-f]{40}$/);
  expect(readFileSync(join(mirror.path, "lfs/objects/kept"), "utf8")).toBe("kept");
  for (const folder of [".making", ".leaving"])
    expect(existsSync(join(root, "repos", folder, "shop"))).toBe(false);
});

test("an object that turns out to be damaged while it is read fails the reading, and not the next one", async () => {
  const { mirror, source } = await firstFetch();
  const noise = randomBytes(100_000);
  const head = source.commit("refs/heads/main", { b: noise });
  await mirror.fetch(["refs/heads/main"], soon());
  unpack(mirror);
  const blob = git(mirror.path, "rev-parse", `${head}:b`);
  const loose = join(mirror.path, "objects", blob.slice(0, 2), blob.slice(2));
  const good = readFileSync(loose);
  // The header of the object stays whole: only its content is not.
  overwrite(loose, good.subarray(0, 50_000));
  const tree = await openSource({ mirror, commit: head, ...soon() });
  await expect(contentOf(tree)).rejects.toMatchObject({
    code: "context_invalid",
    message: expect.stringMatching(/^b /),
  });
  await tree.close();
  await mirror.fetch(["refs/heads/main"], soon());
  const again = await openSource({ mirror, commit: head, ...soon() });
  atEnd(() => again.close());
  expect((await contentOf(again)).b).toBe(noise.toString("latin1"));
});

test("lock files and half received packs that a killed git left do not hold up a fetch", async () => {
  const { mirror, source } = await firstFetch();
  for (const name of [
    "packed-refs.lock",
    "refs/heads/main.lock",
    "HEAD.lock",
    "shallow.lock",
    "config.lock",
  ]) {
    writeFileSync(join(mirror.path, name), "");
  }
  writeFileSync(join(mirror.path, "objects/pack/tmp_pack_x"), "half");
  const next = source.commit("refs/heads/main", { a: "3" });
  expect((await mirror.fetch(["refs/heads/main"], soon())).get("refs/heads/main")).toBe(next);
  expect(await mirror.resolve("main", soon())).toBe(next);
});

test.each(["while the mirror is made", "while it is brought up to date"])(
  "kill -9 %s: the next process ends what was left running, and fetches",
  async (when) => {
    const source = origin();
    const first = source.commit("refs/heads/main", { a: "1" });
    let hold: Promise<void> = Promise.resolve();
    const { url } = await serve({ delay: () => hold });
    const mirror = mirrorOf(`${url}/acme/shop.git`);
    if (when.includes("up to date")) await mirror.fetch(["refs/heads/main"], soon());
    const next = source.commit("refs/heads/main", { a: "2" });
    // Until the end: what is left running would wait as long.
    hold = new Promise(() => {});
    const program = await makeProgram(
      root,
      `await openMirror({ ...input, credential: null }).fetch(["refs/heads/main"], { signal: AbortSignal.timeout(60000) });`,
    );
    const child = startProgram(program, {
      root: join(root, "repos"),
      repoKey: "shop",
      url: `${url}/acme/shop.git`,
    });
    const gits = () => allProcesses().filter(({ cmdline }) => /git/.test(cmdline) && cmdline.includes(url));
    const lock = join(root, "repos/.lock/shop");
    // The git is filed with the lock, and waits for the server.
    const filed = () =>
      existsSync(lock) &&
      readdirSync(lock).some((name) => statSync(join(lock, name)).size > 0) &&
      gits().length >= 2;
    await expect.poll(filed).toBe(true);
    const orphans = gits().map(({ pid }) => pid);
    child.kill("SIGKILL");
    await once(child, "close");
    hold = Promise.resolve();
    expect((await mirror.fetch(["refs/heads/main"], soon())).get("refs/heads/main")).toBe(next);
    expect(next).not.toBe(first);
    expect(gits().filter(({ pid }) => orphans.includes(pid))).toEqual([]);
    expect(readdirSync(lock)).toEqual([]);
    expect(existsSync(join(root, "repos/.making/shop"))).toBe(false);
    expect(readdirSync(join(mirror.path, "objects/pack")).filter((name) => name.startsWith("tmp_"))).toEqual(
      [],
    );
    git(mirror.path, "fsck", "--strict");
  },
);

test("a claim of a process that is gone, or of another one with its id, holds nobody up", async () => {
  const { mirror, source } = await firstFetch();
  const lock = join(root, "repos/.lock/shop");
  const ours = processSpace();
  writeFileSync(join(lock, `${process.pid}.1.${ours}.${"a".repeat(16)}`), "");
  writeFileSync(join(lock, `4194303.99.${ours}.${"b".repeat(16)}`), `1 1\n${process.pid} 1\nnonsense\n`);
  const next = source.commit("refs/heads/main", { a: "3" });
  expect((await mirror.fetch(["refs/heads/main"], soon())).get("refs/heads/main")).toBe(next);
  expect(readdirSync(lock)).toEqual([]);
});

/** Makes loose objects of all packs. */
function unpack(mirror: Mirror): void {
  const contents = packs(mirror, ".pack").map((pack) => readFileSync(pack));
  for (const file of packs(mirror, "")) unlinkSync(file);
  for (const input of contents) {
    execFileSync("git", ["unpack-objects", "-q"], {
      cwd: mirror.path,
      input,
      env: { PATH: process.env.PATH },
    });
  }
}
