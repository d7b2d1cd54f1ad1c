import { randomBytes } from "node:crypto";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { ArchiveReader } from "./archive-summary.js";
import { tarHeader } from "./tar-entry.js";

async function archive(fill: (tar: ReturnType<typeof pack>) => void): Promise<Buffer> {
  const tar = pack();
  fill(tar);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function read(bytes: Buffer, size: number) {
  const reader = new ArchiveReader();
  for (let at = 0; at < bytes.length; at += size) reader.pass(bytes.subarray(at, at + size));
  return reader.summary();
}

test("Directories are summed up to three levels, the largest first, however the archive is cut.", async () => {
  const bytes = await archive((tar) => {
    tar.entry({ name: "./a", type: "directory" });
    tar.entry({ name: "./a/b/c/d/deep" }, Buffer.alloc(5_000));
    tar.entry({ name: `./a/${"long-".repeat(50)}` }, Buffer.alloc(100));
    tar.entry({ name: "./z" }, Buffer.alloc(10));
    tar.entry({ name: "./l", type: "symlink", linkname: "/etc/passwd" });
  });
  for (const size of [1, 511, 512, 4096, bytes.length]) {
    const { directories, entries } = read(bytes, size);
    expect(entries).toBe(5);
    expect(directories).toEqual([
      { path: ".", bytes: 5_110, files: 4 },
      { path: "a", bytes: 5_100, files: 2 },
      { path: "a/b", bytes: 5_000, files: 1 },
      { path: "a/b/c", bytes: 5_000, files: 1 },
    ]);
  }
});

test("A hundred thousand tiny files are counted, and what is said of them stays short.", () => {
  const reader = new ArchiveReader();
  const most = 100_000;
  for (let at = 0; at < most; at += 1) {
    reader.pass(tarHeader(`./d${at}/e${at}/f${at}`, 1));
    reader.pass(Buffer.alloc(512));
  }
  const { entries, directories } = reader.summary();
  expect(entries).toBe(most);
  expect(directories[0]).toEqual({ path: ".", bytes: most, files: most });
  expect(directories.length).toBeLessThanOrEqual(200);
});

test("What is no archive is counted and harms nobody.", () => {
  const noise = randomBytes(100_000);
  expect(read(noise, 1_000).bytes).toBe(100_000);
  const negative = Buffer.alloc(1024);
  negative.write("evil", 0);
  negative.write("-7777777", 124);
  expect(read(negative, 512).bytes).toBe(1024);
});
