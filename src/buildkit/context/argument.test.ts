import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseContextArgument } from "./argument.js";
import { openStdinContext } from "./stdin-context.js";

let work: string;
const before = process.cwd();
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), "galley-argument-"));
  process.chdir(work);
  mkdirSync("app/.git", { recursive: true });
  mkdirSync("bare.git/objects", { recursive: true });
  mkdirSync("bare.git/refs");
  writeFileSync("bare.git/HEAD", "ref: refs/heads/main\n");
  mkdirSync("github.com/local", { recursive: true });
  mkdirSync("odd#name");
  writeFileSync("file", "");
});
afterAll(() => {
  process.chdir(before);
  rmSync(work, { recursive: true, force: true });
});

test.each([
  ["-", { kind: "stdin" }],
  [".", { kind: "directory", path: "." }],
  ["app", { kind: "directory", path: "app" }],
  ["odd#name", { kind: "directory", path: "odd#name" }],
  ["github.com/local", { kind: "directory", path: "github.com/local" }],
  ["app#main", { kind: "local-git", repository: "app", ref: "main" }],
  ["app#", { kind: "local-git", repository: "app", ref: "HEAD" }],
  [
    "./app#v1:services/web",
    { kind: "local-git", repository: "./app", ref: "v1", subdirectory: "services/web" },
  ],
  ["bare.git#:web", { kind: "local-git", repository: "bare.git", ref: "HEAD", subdirectory: "web" }],
  ["github.com/moby/buildkit", { kind: "git", url: "github.com/moby/buildkit" }],
  [
    "git@github.com:moby/buildkit.git#v1:docs",
    { kind: "git", url: "git@github.com:moby/buildkit.git#v1:docs" },
  ],
  ["ssh://git@host:22/x", { kind: "git", url: "ssh://git@host:22/x" }],
  ["git://host/x", { kind: "git", url: "git://host/x" }],
  ["https://host/x.git", { kind: "git", url: "https://host/x.git" }],
  ["https://host/x.git#main", { kind: "git", url: "https://host/x.git#main" }],
  ["https://host/x.tar.gz", { kind: "http", url: "https://host/x.tar.gz" }],
  ["https://host/x.git/raw", { kind: "http", url: "https://host/x.git/raw" }],
  ["http://", { kind: "http", url: "http://" }],
  ["https://host/x.git?ref=main", { kind: "git", url: "https://host/x.git#main" }],
  [
    "https://host/x.git?branch=main&subdir=a/b",
    { kind: "git", url: "https://host/x.git#refs/heads/main:a/b" },
  ],
  ["https://host/x.git?tag=v1#:docs", { kind: "git", url: "https://host/x.git#refs/tags/v1:docs" }],
  ["https://host/x.git?subdir=docs", { kind: "git", url: "https://host/x.git#:docs" }],
  ["git@host:x.git?ref=v1", { kind: "git", url: "git@host:x.git#v1" }],
  [
    "https://host/x.git?ref=v1&keep-git-dir=true&checksum=abc",
    { kind: "git", url: "https://host/x.git?keep-git-dir=true&checksum=abc#v1" },
  ],
])("%s means %j", (argument, expected) => {
  expect(parseContextArgument(argument)).toEqual(expected);
});

test.each([
  ["", "context_not_found"],
  ["nope", "context_not_found"],
  ["../nope.git", "context_not_found"],
  ["docker-image://alpine", "context_not_found"],
  ["nope#main", "context_not_found"],
  ["file", "context_invalid"],
  ["https://host/x.git?ref=a#b", "context_invalid"],
  ["https://host/x.git?nope=1", "context_invalid"],
  ["https://host/x.git?ref=a&ref=b", "context_invalid"],
  ["https://host/x.git?tag=a&branch=b", "context_invalid"],
  ["https://host/x.git?ref=", "context_invalid"],
])("%s is refused as %s", (argument, code) => {
  expect(() => parseContextArgument(argument)).toThrow(expect.objectContaining({ code }));
});

test("a refused URL does not show its password", () => {
  const parse = () => parseContextArgument("https://user:hunter2@host/x.git?nope=1");
  expect(parse).toThrow("https://***@host");
  expect(parse).not.toThrow("hunter2");
});

async function drain(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

test.each(["gzip", "bzip2", "xz", "ustar", "pax", "v7"])(
  "an archive of kind %s is a context, passed on whole",
  async (kind) => {
    const format = kind === "pax" || kind === "v7" ? `--format=${kind}` : "--format=ustar";
    const tar = execFileSync("tar", ["-c", format, "file", "bare.git"]);
    let archive: Buffer = tar;
    if (kind === "gzip") archive = gzipSync(tar);
    // Only the first bytes count: the compressors need not be installed.
    if (kind === "bzip2") archive = Buffer.from("BZh91AY&SYxxxx");
    if (kind === "xz") archive = Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(2000, 7)]);
    for (const size of [1, 100, 100_000]) {
      const pieces: Buffer[] = [];
      for (let at = 0; at < archive.length; at += size) pieces.push(archive.subarray(at, at + size));
      const context = await openStdinContext(Readable.from(pieces, { objectMode: false }));
      if (context.kind !== "tar") throw new Error("no archive");
      expect((await drain(context.stream)).equals(archive)).toBe(true);
    }
  },
);

test("anything else is a Dockerfile", async () => {
  const text = `FROM scratch\n# ${"ü".repeat(3000)}\n`;
  expect(await openStdinContext(Readable.from([Buffer.from(text)]))).toEqual({ kind: "dockerfile", text });
  expect(await openStdinContext(Readable.from(["FROM x"]))).toEqual({ kind: "dockerfile", text: "FROM x" });
});

test("nothing, zstd and a huge Dockerfile are refused", async () => {
  const refused = expect.objectContaining({ code: "context_invalid" });
  await expect(openStdinContext(Readable.from([]))).rejects.toEqual(refused);
  await expect(openStdinContext(Readable.from([Buffer.from("28b52ffd00", "hex")]))).rejects.toEqual(refused);
  await expect(openStdinContext(Readable.from([Buffer.alloc(3_000_000, "x")]))).rejects.toEqual(refused);
});

test("waiting for stdin can be cancelled", async () => {
  const abort = new AbortController();
  const opening = openStdinContext(new Readable({ read() {} }), abort.signal);
  abort.abort(new Error("stop"));
  await expect(opening).rejects.toThrow("stop");
});
