import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chunkStore } from "./chunks.js";
import { cutByContent } from "./cut.js";
import {
  readArchive,
  readStoredMount,
  type StoredMount,
  storeArchive,
  writeStoredMount,
} from "./stored-mount.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-store-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function* inPieces(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
async function all(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}
const stored = (chunks: StoredMount["chunks"]): StoredMount => ({
  v: 1,
  id: "/m",
  scope: "base",
  fingerprint: "f",
  storedAt: new Date(0).toISOString(),
  content: { bytes: 0, entries: 0, directories: [] },
  chunks,
});

test("Whatever the sizes in which a stream comes, its cuts are the same and nothing is lost.", async () => {
  const bytes = randomBytes(9_000_001);
  const lengths: number[][] = [];
  for (const size of [1_000, 65_536, 9_000_001]) {
    const chunks: Buffer[] = [];
    for await (const { content, release } of cutByContent(inPieces(bytes, size))) {
      chunks.push(Buffer.from(content));
      release();
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    lengths.push(chunks.map(({ length }) => length));
  }
  expect(lengths[1]).toEqual(lengths[0]);
  expect(lengths[2]).toEqual(lengths[0]);
  expect(Math.max(...(lengths[0] ?? []))).toBeLessThanOrEqual(4 * 1024 * 1024);
});

test("A chunk keeps its content until it is released, however many come after it; then its memory is used again.", async () => {
  const bytes = randomBytes(20_000_000);
  const held: { content: Buffer; at: number }[] = [];
  const memories = new Set<ArrayBufferLike>();
  let at = 0;
  let count = 0;
  for await (const { content, release } of cutByContent(inPieces(bytes))) {
    memories.add(content.buffer);
    if (count++ < 2) held.push({ content, at });
    else release();
    at += content.length;
  }
  expect(count).toBeGreaterThan(4);
  for (const { content, at } of held)
    expect(content.equals(bytes.subarray(at, at + content.length))).toBe(true);
  // The two that are held, and those that take turns.
  expect(memories.size).toBeLessThanOrEqual(4);
});

test("An archive comes back as it was, and a second one with a byte inserted writes little.", async () => {
  const chunks = chunkStore(join(folder, "chunks"));
  const bytes = Buffer.concat([randomBytes(12_000_000), Buffer.alloc(5_000_000, "text ")]);
  const first = await storeArchive(inPieces(bytes), chunks, 1e9);
  expect((await all(readArchive(stored(first.chunks), chunks))).equals(bytes)).toBe(true);
  expect(first.written).toBeLessThan(14_000_000);
  const longer = Buffer.concat([bytes.subarray(0, 6_000_000), Buffer.from("x"), bytes.subarray(6_000_000)]);
  const second = await storeArchive(inPieces(longer), chunks, 1e9);
  expect((await all(readArchive(stored(second.chunks), chunks))).equals(longer)).toBe(true);
  expect(second.written).toBeLessThan(first.written / 2);
});

test("A chunk that was changed on disk is found out, removed, and written anew by the next archive.", async () => {
  const chunks = chunkStore(join(folder, "chunks"));
  const bytes = randomBytes(300_000);
  const kept = await storeArchive(inPieces(bytes), chunks, 1e9);
  const [inner] = await readdir(join(folder, "chunks"));
  const [name] = await readdir(join(folder, "chunks", inner ?? ""));
  const path = join(folder, "chunks", inner ?? "", name ?? "");
  const body = await readFile(path);
  body[1000] = (body[1000] ?? 0) ^ 1;
  await writeFile(path, body);
  await expect(all(readArchive(stored(kept.chunks), chunks))).rejects.toMatchObject({
    code: "cache_damaged",
  });
  await expect(all(readArchive(stored(kept.chunks), chunks))).rejects.toMatchObject({
    code: "cache_damaged",
  });
  await storeArchive(inPieces(bytes), chunks, 1e9);
  expect((await all(readArchive(stored(kept.chunks), chunks))).equals(bytes)).toBe(true);
});

test("An archive without end is given up before it fills the disk.", async () => {
  const chunks = chunkStore(join(folder, "chunks"));
  let read = 0;
  const endless = (async function* () {
    for (;;) {
      read += 1_000_000;
      yield randomBytes(1_000_000);
    }
  })();
  await expect(storeArchive(endless, chunks, 10_000_000)).rejects.toMatchObject({ code: "cache_too_large" });
  expect(read).toBeLessThan(60_000_000);
});

test("An archive that packs into nothing is given up as well, before it takes for ever.", async () => {
  const chunks = chunkStore(join(folder, "chunks"));
  let read = 0;
  const zeros = (async function* () {
    for (const piece = Buffer.alloc(1_000_000); ; ) {
      read += piece.length;
      yield piece;
    }
  })();
  await expect(storeArchive(zeros, chunks, 1_000_000)).rejects.toMatchObject({ code: "cache_too_large" });
  expect(read).toBeLessThan(40_000_000);
});

test("What is no stored mount is removed, and counts as none.", async () => {
  const path = join(folder, "mount.json");
  await writeStoredMount(path, stored([{ digest: "a".repeat(64), size: 1 }]));
  expect(await readStoredMount(path)).toMatchObject({ id: "/m" });
  for (const text of [
    "",
    "{",
    "null",
    "[]",
    '{"v":1}',
    JSON.stringify(stored([{ digest: "../../etc/passwd", size: 1 }])),
  ]) {
    await writeFile(path, text);
    expect(await readStoredMount(path), text).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  }
});
