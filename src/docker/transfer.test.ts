import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { followTransfer, registryAuth } from "./transfer.js";

const never = new AbortController().signal;
const stream = (...chunks: (string | Buffer)[]) => Readable.from(chunks.map((chunk) => Buffer.from(chunk)));

test("Progress adds up over the layers, and the digest of a push comes back.", async () => {
  const seen: unknown[] = [];
  const result = await followTransfer(
    stream(
      '{"status":"Downloading","id":"a","progressDetail":{"current":1,"total":10}}\n{"status":"x","id":"b","progressDet',
      'ail":{"current":5,"total":20}}\r\n',
      '{"status":"done"}\n\n{"aux":{"Tag":"1","Digest":"sha256:abc","Size":5}}',
    ),
    { signal: never, onProgress: (progress) => seen.push(progress) },
  );
  expect(seen).toEqual([
    { current: 1, total: 10 },
    { current: 6, total: 30 },
  ]);
  expect(result).toEqual({ digest: "sha256:abc" });
});

test("The containerd store tells the digest of a push in words.", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const result = await followTransfer(stream(`{"status":"v1: digest: ${digest} size: 892"}\n`), {
    signal: never,
  });
  expect(result).toEqual({ digest });
});

test("A failure that is told within the stream is thrown.", async () => {
  const failing = stream('{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n');
  await expect(followTransfer(failing, { signal: never })).rejects.toThrow("manifest unknown");
});

test("What cannot be read is skipped, and a line without end refused.", async () => {
  expect(
    await followTransfer(stream('nonsense\n[1]\nnull\n"x"\n{"progressDetail":5,"id":3}\n'), {
      signal: never,
    }),
  ).toEqual({});
  await expect(followTransfer(stream("x".repeat(2_000_000)), { signal: never })).rejects.toMatchObject({
    code: "engine_error",
  });
});

test("Text that is cut inside a character is put together.", async () => {
  const bytes = Buffer.from('{"error":"ü"}\n');
  await expect(
    followTransfer(stream(bytes.subarray(0, 11), bytes.subarray(11)), { signal: never }),
  ).rejects.toThrow("ü");
});

test("Silence and the signal end the wait.", async () => {
  const silent = () => new Readable({ read() {} });
  await expect(followTransfer(silent(), { signal: never, idleMs: 5 })).rejects.toMatchObject({
    code: "engine_unreachable",
  });
  const reason = new Error("enough");
  await expect(followTransfer(silent(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("The header of a login names the registry; Docker Hub by its old address.", () => {
  expect(registryAuth("r.example:5000", { username: "u", password: "p" })).toEqual({
    username: "u",
    password: "p",
    serveraddress: "r.example:5000",
  });
  expect(registryAuth("docker.io", undefined)).toEqual({ serveraddress: "https://index.docker.io/v1/" });
  expect(registryAuth("r", { identitytoken: "t" })).toEqual({ identitytoken: "t", serveraddress: "r" });
});
