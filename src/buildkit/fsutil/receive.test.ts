import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDirectoryTree } from "../context/directory-tree.js";
import { goMode } from "./mode.js";
import {
  decodePacket,
  encodeData,
  encodeError,
  encodeStat,
  endOfWalk,
  finPacket,
  packetType,
} from "./packet.js";
import { receiveTree } from "./receive.js";
import { sendTree } from "./send.js";
import { streamPair } from "./stream-pair.testing.js";
import type { TreeEntry } from "./tree.js";

let work: string;
let target: string;
beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "galley-receive-"));
  target = join(work, "target");
});
afterEach(() => {
  rmSync(work, { recursive: true, force: true });
});

const everything = { includePatterns: [], excludePatterns: [], followPaths: [] };
const file: TreeEntry = { path: Buffer.from("f"), mode: 0o644, uid: 0, gid: 0, size: 2, modTime: 0n };
const directory = (path: string): TreeEntry => ({
  ...file,
  path: Buffer.from(path),
  mode: (goMode.directory | 0o755) >>> 0,
  size: 0,
});

async function copy(from: string, to: string) {
  const [left, right] = streamPair(new AbortController().signal);
  const [, received] = await Promise.all([
    sendTree(left, createDirectoryTree(from), everything),
    receiveTree(right, to),
  ]);
  return received;
}

/** Sends entries as a daemon would, and "ok" for every file that is asked for. */
function daemon(entries: readonly TreeEntry[], content = "ok") {
  const abort = new AbortController();
  const [sender, receiver] = streamPair(abort.signal);
  const errors: string[] = [];
  const running = (async () => {
    for (const entry of entries) await sender.send(encodeStat(entry));
    await sender.send(endOfWalk);
    for await (const message of sender.messages) {
      const packet = decodePacket(message);
      if (packet.type === packetType.error) errors.push(Buffer.from(packet.data).toString());
      if (packet.type === packetType.fin) return sender.send(finPacket);
      if (packet.type !== packetType.request) continue;
      await sender.send(encodeData(packet.id, Buffer.from(content)));
      await sender.send(encodeData(packet.id, Buffer.alloc(0)));
    }
  })();
  running.catch(() => {});
  return { abort, sender, receiver, errors };
}

test("a tree arrives as it was sent: content, modes, times, links and hard links", async () => {
  const from = join(work, "from");
  mkdirSync(join(from, "d/e"), { recursive: true, mode: 0o755 });
  writeFileSync(join(from, "d/e/small"), "content", { mode: 0o600 });
  writeFileSync(join(from, "d/large"), Buffer.alloc(3_000_001, "abc"));
  writeFileSync(join(from, "empty"), "");
  writeFileSync(Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0xff, 0x0a, 0x2a])]), "odd");
  writeFileSync(join(from, "script"), "#!", { mode: 0o755 });
  execFileSync("chmod", ["4711", join(from, "script")]);
  linkSync(join(from, "d/large"), join(from, "z-link"));
  symlinkSync("/etc/passwd", join(from, "d/link"));
  utimesSync(join(from, "d/e/small"), 5, 1_234_567_890.25);
  execFileSync("chmod", ["500", join(from, "d/e")]);
  utimesSync(join(from, "d"), 5, 1_111_111_111);
  const received = await copy(from, target);
  expect(received).toEqual({ files: 5, bytes: 3_000_001 + 7 + 3 + 2, entries: 9 });
  const describe = (root: string) =>
    execFileSync("find", [".", "!", "-name", ".", "-printf", "%p %m %y %s %l %n %Ts\\n"], {
      cwd: root,
      encoding: "latin1",
    })
      .split("\n")
      .sort();
  expect(describe(target)).toEqual(describe(from));
  expect(lstatSync(join(target, "d/e/small")).mtimeMs).toBe(1_234_567_890_250);
  expect(readFileSync(join(target, "d/large")).equals(readFileSync(join(from, "d/large")))).toBe(true);
  expect(statSync(join(target, "z-link")).ino).toBe(statSync(join(target, "d/large")).ino);
});

test("what is in the target stays, except what has the name of something that comes", async () => {
  mkdirSync(join(target, "same/deep"), { recursive: true });
  mkdirSync(join(target, "was-directory/full"), { recursive: true });
  writeFileSync(join(target, "same/old"), "old");
  writeFileSync(join(target, "same/replaced"), "old content");
  writeFileSync(join(target, "was-file"), "file");
  const before = statSync(join(target, "same/replaced")).ino;
  const { receiver } = daemon([
    directory("same"),
    { ...file, path: Buffer.from("same/replaced") },
    { ...file, path: Buffer.from("was-directory") },
    directory("was-file"),
    { ...file, path: Buffer.from("was-file/inside") },
  ]);
  await receiveTree(receiver, target);
  expect(readFileSync(join(target, "same/old"), "utf8")).toBe("old");
  expect(existsSync(join(target, "same/deep"))).toBe(true);
  expect(readFileSync(join(target, "same/replaced"), "utf8")).toBe("ok");
  expect(statSync(join(target, "same/replaced")).ino).not.toBe(before);
  expect(readFileSync(join(target, "was-directory"), "utf8")).toBe("ok");
  expect(readFileSync(join(target, "was-file/inside"), "utf8")).toBe("ok");
  expect(readdirSync(target).filter((name) => name.startsWith(".galley"))).toEqual([]);
});

test("links in the target are replaced, not followed", async () => {
  const outside = join(work, "outside");
  mkdirSync(outside);
  mkdirSync(target);
  writeFileSync(join(outside, "f"), "kept");
  symlinkSync(outside, join(target, "d"));
  symlinkSync(join(outside, "f"), join(target, "f"));
  const { receiver } = daemon([directory("d"), { ...file, path: Buffer.from("d/f") }, file]);
  await receiveTree(receiver, target);
  expect(readFileSync(join(outside, "f"), "utf8")).toBe("kept");
  expect(lstatSync(join(target, "d")).isDirectory()).toBe(true);
  expect(lstatSync(join(target, "f")).isFile()).toBe(true);
});

test.each<[string, TreeEntry[]]>([
  ["..", [{ ...file, path: Buffer.from("../f") }]],
  ["only ..", [{ ...file, path: Buffer.from("..") }]],
  ["an absolute path", [{ ...file, path: Buffer.from("/tmp/f") }]],
  ["dots in the middle", [directory("a"), { ...file, path: Buffer.from("a/../../f") }]],
  ["an empty path", [{ ...file, path: Buffer.from("") }]],
  ["a zero byte", [{ ...file, path: Buffer.from("a\0b") }]],
  ["a directory that was not sent", [{ ...file, path: Buffer.from("a/b") }]],
  [
    "a file as a directory",
    [
      { ...file, path: Buffer.from("a") },
      { ...file, path: Buffer.from("a/b") },
    ],
  ],
  [
    "a link as a directory",
    [
      { ...file, path: Buffer.from("a"), mode: 0x0800_01ff, linkname: Buffer.from("/tmp") },
      { ...file, path: Buffer.from("a/b") },
    ],
  ],
  [
    "the wrong order",
    [
      { ...file, path: Buffer.from("b") },
      { ...file, path: Buffer.from("a") },
    ],
  ],
  [
    "a name twice",
    [
      { ...file, path: Buffer.from("a") },
      { ...file, path: Buffer.from("a") },
    ],
  ],
  ["a hard link out of the tree", [{ ...file, linkname: Buffer.from("../../etc/passwd") }]],
  ["a hard link to what was not sent", [{ ...file, linkname: Buffer.from("e") }]],
  [
    "a hard link to a symlink",
    [
      { ...file, path: Buffer.from("a"), mode: 0x0800_01ff, linkname: Buffer.from("/etc/passwd") },
      { ...file, path: Buffer.from("b"), linkname: Buffer.from("a") },
    ],
  ],
])("refuses %s", async (_, entries) => {
  const { receiver, errors } = daemon(entries);
  await expect(receiveTree(receiver, target)).rejects.toMatchObject({ code: "protocol_violation" });
  await expect.poll(() => errors.length).toBe(1);
  expect(readdirSync(work)).toEqual(existsSync(target) ? ["target"] : []);
});

test("more or fewer bytes than announced, and files that nobody asked for, are refused", async () => {
  for (const content of ["too much", "x"]) {
    const { receiver } = daemon([file], content);
    await expect(receiveTree(receiver, target)).rejects.toMatchObject({ code: "protocol_violation" });
    expect(existsSync(join(target, "f"))).toBe(false);
  }
  const { sender, receiver } = daemon([]);
  void sender.send(encodeData(3, Buffer.from("x")));
  await expect(receiveTree(receiver, target)).rejects.toMatchObject({ code: "protocol_violation" });
});

test("a daemon that gives up is export_failed, and nothing half is left", async () => {
  const [sender, receiver] = streamPair(new AbortController().signal);
  await sender.send(encodeStat(file));
  const received = receiveTree(receiver, target);
  for await (const message of sender.messages) {
    if (decodePacket(message).type !== packetType.request) continue;
    await sender.send(encodeData(0, Buffer.from("o")));
    await sender.send(encodeError("broken"));
    break;
  }
  await expect(received).rejects.toMatchObject({
    code: "export_failed",
    message: expect.stringContaining("broken"),
  });
  expect(readdirSync(target)).toEqual([]);
});

test("a stream that ends early, or is cancelled, is no success", async () => {
  const [, early] = streamPair(new AbortController().signal);
  early.end();
  await expect(receiveTree(early, target)).rejects.toMatchObject({ code: "export_failed" });
  const { abort, receiver } = daemon([]);
  abort.abort(new Error("cancelled"));
  await expect(receiveTree(receiver, target)).rejects.toThrow("cancelled");
});

test("a call that is cancelled when everything has come, before the daemon's last word, is a success", async () => {
  const abort = new AbortController();
  const [sender, receiver] = streamPair(abort.signal);
  await sender.send(encodeStat(file));
  await sender.send(endOfWalk);
  const received = receiveTree(receiver, target);
  for await (const message of sender.messages) {
    const packet = decodePacket(message);
    if (packet.type === packetType.fin) break;
    await sender.send(encodeData(packet.id, Buffer.from("ok")));
    await sender.send(encodeData(packet.id, Buffer.alloc(0)));
  }
  abort.abort(new Error("cancelled"));
  expect(await received).toEqual({ files: 1, bytes: 2, entries: 1 });
  expect(readFileSync(join(target, "f"), "utf8")).toBe("ok");
});

test("device nodes and fifos are left out and reported", async () => {
  const skipped: string[] = [];
  const { receiver } = daemon([
    { ...file, path: Buffer.from("dev"), mode: (goMode.device | 0o600) >>> 0, size: 0 },
    file,
  ]);
  await receiveTree(receiver, target, { onSkipped: (path) => skipped.push(path) });
  expect(skipped).toEqual(["dev"]);
  expect(readdirSync(target)).toEqual(["f"]);
});

test("many files arrive, whatever their sizes", async () => {
  const from = join(work, "from");
  mkdirSync(from);
  for (let at = 0; at < 3000; at++) writeFileSync(join(from, String(at)), "x".repeat((at * 37) % 2000));
  for (let at = 0; at < 5; at++) writeFileSync(join(from, `large${at}`), Buffer.alloc(at * 524_288 + at, at));
  await copy(from, target);
  expect(() => execFileSync("diff", ["-r", from, target])).not.toThrow();
});
