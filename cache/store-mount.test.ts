import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BuildGraph, Gateway } from "../src/buildkit/index.js";
import { ArchiveListing } from "./archive-listing.js";
import { ArchiveReader } from "./archive-summary.js";
import { chunkStore } from "./chunks.js";
import { openMount } from "./mount-process.js";
import { storeMount } from "./store-mount.js";
import { parseStoredMount, readArchive, type StoredMount } from "./stored-mount.js";

const { signal } = new AbortController();
const most = 1e9;
let folder: string;
/** Scripts that were run beside the mount. */
let scripts: string[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-store-mount-"));
  scripts = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The process that runs beside builds, but here, on a folder of this machine. */
async function mountOf(name: string) {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  const gateway = {
    exec: async ({ args, stdin, stdout, stderr }: Parameters<Gateway["exec"]>[0]) => {
      const [command = "", ...rest] = args.map((arg) => arg.replaceAll("/galley-cache", path));
      scripts.push(rest.at(-1) ?? "");
      const child = spawn(command, rest, { stdio: "pipe", env: { ...process.env, LC_ALL: "C" } });
      child.stdin.on("error", () => {});
      if (stdin) stdin.pipe(child.stdin);
      else child.stdin.end();
      for (const [from, to] of [
        [child.stdout, stdout],
        [child.stderr, stderr],
      ] as const) {
        if (to) from.pipe(to, { end: false });
        else from.resume();
      }
      const code = new Promise<number>((resolve) => child.on("exit", (found) => resolve(found ?? -1)));
      await Promise.all([finished(child.stdout), finished(child.stderr)]);
      return await code;
    },
  } as unknown as Gateway;
  const root = { ref: "", shell: ["/bin/sh", "-c"], prefix: "" };
  const use = { id: "m", sharing: "shared" as const, dest: "/m", seed: undefined };
  return { path, mount: await openMount(gateway, root, {} as BuildGraph, use) };
}

const chunks = () => chunkStore(join(folder, "chunks"));
const about = {
  v: 1,
  id: "/m",
  scope: "base",
  fingerprint: "f",
  storedAt: new Date(0).toISOString(),
} as const;

async function store(mount: Awaited<ReturnType<typeof mountOf>>["mount"], before?: StoredMount) {
  const { written, ...contents } = await storeMount(mount, before, chunks(), most, signal);
  const stored = parseStoredMount(JSON.stringify({ ...about, ...contents }));
  if (!stored) throw new Error("what was stored cannot be read");
  return { stored, written };
}

/** Everything in a folder that is to survive, by path. */
async function contentsOf(path: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(path, { recursive: true })).sort()) {
    const at = join(path, name);
    const { mode, mtimeMs } = await lstat(at);
    const kind = mode & 0o170000;
    const content =
      kind === 0o100000 ? (await readFile(at)).toString("hex") : kind === 0o120000 ? await readlink(at) : "";
    const time = kind === 0o100000 ? Math.floor(mtimeMs / 1000) : 0;
    found[name] = `${mode.toString(8)} ${time} ${content}`;
  }
  return found;
}

async function requireSame(stored: StoredMount, path: string): Promise<void> {
  const { path: other, mount } = await mountOf(`filled-${randomBytes(4).toString("hex")}`);
  await mount.fill(readArchive(stored, chunks()));
  expect(await contentsOf(other)).toEqual(await contentsOf(path));
}

const file = (path: string, name: string, bytes: number) => writeFile(join(path, name), randomBytes(bytes));

async function first(path: string) {
  await mkdir(join(path, "a/b"), { recursive: true });
  await file(path, "a/b/large", 3_000_000);
  await file(path, "a/kept", 1_000);
  await file(path, "a/changed", 2_000);
  await file(path, "gone", 3_000);
  await mkdir(join(path, "gone-folder"));
  await file(path, "gone-folder/file", 10);
  await symlink("a/kept", join(path, "link"));
}

test("What an archive says of a mount is what the mount's own listing says, of every kind of file.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  await symlink("x".repeat(150), join(path, "long-link"));
  await file(path, `${"n".repeat(120)}`, 100);
  await file(path, "schön ist es", 1);
  await file(path, "empty", 0);
  await chmod(join(path, "a/kept"), 0o6755);
  await chmod(join(path, "a/b"), 0o1777);
  await chown(join(path, "a/kept"), 70_000, 2_000_000);
  await utimes(join(path, "a/changed"), 1, 1);
  spawnSync("mkfifo", [join(path, "pipe")]);
  spawnSync("mknod", [join(path, "null"), "c", "1", "3"]);
  const listed = new ArchiveListing();
  const reader = new ArchiveReader((entry) => listed.add(entry));
  for await (const piece of mount.archive(signal)) reader.pass(piece);
  const asked = await mount.list();
  expect(asked?.size).toBeGreaterThan(12);
  expect(new Map([...(listed.listing() ?? [])].sort())).toEqual(new Map([...(asked ?? [])].sort()));
  // A second name stands in the archive as a link to the first one.
  await link(join(path, "a/kept"), join(path, "second"));
  const other = new ArchiveListing();
  const again = new ArchiveReader((entry) => other.add(entry));
  for await (const piece of mount.archive(signal)) again.pass(piece);
  expect(other.listing()).toBeUndefined();
});

test("Of a mount that was stored before only what has changed is read, and what comes back is the mount as it is now.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  const { stored } = await store(mount);
  await requireSame(stored, path);

  await file(path, "a/changed", 2_500);
  await rm(join(path, "gone"));
  await rm(join(path, "gone-folder"), { recursive: true });
  await file(path, "gone-folder", 20);
  await mkdir(join(path, "new folder/deeper"), { recursive: true });
  await file(path, "new folder/deeper/file with blanks", 4_000);
  await chmod(join(path, "a"), 0o700);
  scripts = [];
  const again = await store(mount, stored);
  expect(scripts.filter((script) => script.includes("tar -cf"))).toEqual([expect.stringContaining("-T -")]);
  expect(again.written).toBeLessThan(100_000);
  expect(again.stored.archives).toHaveLength(2);
  await requireSame(again.stored, path);
  const { content } = again.stored;
  expect(content.entries).toBe(11);
  expect(content.directories[0]).toEqual({
    path: ".",
    bytes: 3_000_000 + 1_000 + 2_500 + 20 + 4_000,
    files: 6,
  });

  // And from there on: something replaced twice, something brought back.
  await file(path, "a/changed", 100);
  await file(path, "gone", 7);
  const third = await store(mount, again.stored);
  expect(third.stored.archives).toHaveLength(3);
  await requireSame(third.stored, path);

  await rm(join(path, "a/changed"));
  scripts = [];
  const fourth = await store(mount, third.stored);
  expect(scripts.filter((script) => script.includes("tar -cf"))).toEqual([]);
  await requireSame(fourth.stored, path);
});

test("A mount that has mostly changed is read as a whole, and holds nothing of what it was.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  const { stored } = await store(mount);
  await file(path, "a/b/large", 3_000_001);
  const again = await store(mount, stored);
  expect(again.stored.archives).toHaveLength(1);
  await requireSame(again.stored, path);
  // A little at a time comes to the same in the end.
  let last = again.stored;
  for (let round = 0; round < 4; round += 1) {
    await file(path, "a/more", 400_000 + round);
    last = (await store(mount, last)).stored;
    await requireSame(last, path);
  }
  const held = last.chunks.reduce((sum, { size }) => sum + size, 0);
  expect(held).toBeLessThan(last.content.bytes * 1.3);
});

test("A mount of files with several names is read as a whole each time.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  await link(join(path, "a/kept"), join(path, "second-name"));
  const { stored } = await store(mount);
  await file(path, "a/changed", 2_500);
  const again = await store(mount, stored);
  expect(again.stored.archives).toBeUndefined();
  await requireSame(again.stored, path);
});

test("So is one with names that no list could hold, and one whose list was lost.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  const { stored } = await store(mount);
  await file(path, "a\nb", 10);
  const strange = await store(mount, stored);
  expect(strange.stored.archives).toBeUndefined();
  await requireSame(strange.stored, path);
  await rm(join(path, "a\nb"));
  const again = await store(mount, strange.stored);
  const [listing] = again.stored.chunks.slice(-1);
  await chunks().remove(listing?.digest ?? "");
  await file(path, "a/changed", 2_500);
  const whole = await store(mount, again.stored);
  expect(whole.stored.archives).toHaveLength(1);
  await requireSame(whole.stored, path);
});

test("A file of the same size and second counts as the same: so it does for the comparison of the whole mount.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  const { stored } = await store(mount);
  const { mtime } = await lstat(join(path, "a/kept"));
  const fingerprint = await mount.fingerprint();
  await file(path, "a/kept", 1_000);
  await utimes(join(path, "a/kept"), mtime, mtime);
  expect(await mount.fingerprint()).toBe(fingerprint);
  const again = await store(mount, stored);
  expect(again.written).toBe(0);
});

test("A record of archives that does not fit its chunks is damaged.", async () => {
  const { path, mount } = await mountOf("mount");
  await first(path);
  const { stored } = await store(mount);
  for (const wrong of [
    { listed: -1 },
    { listed: 1_000 },
    { listed: "1" },
    { archives: {} },
    { archives: [{ chunks: 1_000, replaces: [] }] },
    { archives: [{ chunks: stored.chunks.length - 1, replaces: [1] }] },
  ])
    expect(parseStoredMount(JSON.stringify({ ...stored, ...wrong })), JSON.stringify(wrong)).toBeUndefined();
});
