import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Content } from "../../../proto/index.js";
import { openPeer, type Peer } from "../session/peer.testing.js";
import { rpcStatus } from "../session/service.js";
import { createContentStore } from "./service.js";

const { Info, Read, List, Write, Status, ListStatuses, Abort, Update, Delete } = Content.methods;
const STAT = 0;
const WRITE = 1;
const COMMIT = 2;
const store = (id: string) => ({ "buildkit-attachable-store-id": id });
const out = store("local:out");
const digestOf = (bytes: Uint8Array | string) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

let directory: string;
let readOnly: string;
let peer: Peer;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "galley-content-"));
  readOnly = await mkdtemp(join(tmpdir(), "galley-content-"));
  peer = await openPeer([
    createContentStore({
      "local:out": { path: directory, writable: true },
      "local:in": { path: readOnly, writable: false },
    }),
  ]);
});
afterEach(async () => {
  await peer.close();
  await rm(directory, { recursive: true });
  await rm(readOnly, { recursive: true });
});

const put = async (bytes: Uint8Array | string, into = directory) => {
  await mkdir(join(into, "blobs/sha256"), { recursive: true });
  const digest = digestOf(bytes);
  await writeFile(join(into, "blobs/sha256", digest.slice(7)), bytes);
  return digest;
};
const write = (messages: Parameters<typeof Write.encodeRequest>[0][], headers = out) =>
  peer.call(Write.path, messages.map(Write.encodeRequest), headers);
const ingests = () => readdir(join(directory, "ingest")).catch(() => []);

describe("reading", () => {
  test("Info tells the size of a blob, and that there is none.", async () => {
    const digest = await put("hello");
    const { status, messages } = await peer.call(Info.path, [Info.encodeRequest({ digest })], out);
    expect(status).toBe(rpcStatus.ok);
    const info = Info.decodeResponse(messages[0]!).info;
    expect(info).toMatchObject({ digest });
    expect(info?.size.toNumber()).toBe(5);
    expect(info?.createdAt?.seconds.toNumber()).toBeGreaterThan(1_600_000_000);
    const none = await peer.call(Info.path, [Info.encodeRequest({ digest: digestOf("other") })], out);
    expect(none.status).toBe(rpcStatus.notFound);
  });

  test.each([
    ["all of it", 0, 0, 0, 3_000_000],
    ["a part", 10, 20, 10, 30],
    ["the rest, when more is asked for than there is", 2_999_990, 100, 2_999_990, 3_000_000],
    ["nothing at the very end", 3_000_000, 10, 3_000_000, 3_000_000],
    ["from the start, for a negative offset", -5, 3, 0, 3],
    ["a size near 2^53 without overflow", 5, Number.MAX_SAFE_INTEGER, 5, 3_000_000],
  ])("Read sends %s, in messages that old daemons take.", async (_, offset, size, from, to) => {
    const blob = Buffer.alloc(3_000_000, "0123456789abc");
    const digest = await put(blob);
    const { status, messages } = await peer.call(
      Read.path,
      [Read.encodeRequest({ digest, offset, size })],
      out,
    );
    expect(status).toBe(rpcStatus.ok);
    const parts = messages.map((message) => Read.decodeResponse(message));
    expect(Buffer.concat(parts.map(({ data }) => data)).equals(blob.subarray(from, to))).toBe(true);
    let at = 0;
    for (const part of parts) {
      expect(part.offset.toNumber()).toBe(at);
      at += part.data.length;
    }
    for (const message of messages) expect(message.length).toBeLessThan(4 * 1024 * 1024);
  });

  test("Reading behind the end is out of range.", async () => {
    const digest = await put("hello");
    const { status } = await peer.call(Read.path, [Read.encodeRequest({ digest, offset: 6 })], out);
    expect(status).toBe(rpcStatus.outOfRange);
  });

  test.each([
    "../../../../etc/passwd",
    "sha256:../../../../etc/passwd",
    `sha256:${"a".repeat(63)}/`,
    `sha256:${"A".repeat(64)}`,
    `sha512:${"a".repeat(128)}`,
    `sha256:${"a".repeat(64)}\n`,
    "",
  ])("The digest %j never becomes a path.", async (digest) => {
    for (const method of [Info, Read]) {
      const { status } = await peer.call(method.path, [method.encodeRequest({ digest })], out);
      expect(status).toBe(rpcStatus.invalidArgument);
    }
    const { status } = await write([{ action: STAT, ref: "r", expected: digest || "x" }]);
    expect(status).toBe(rpcStatus.invalidArgument);
  });

  test("A link or a directory in the place of a blob is not there.", async () => {
    const secret = join(directory, "secret");
    await writeFile(secret, "secret");
    await mkdir(join(directory, "blobs/sha256"), { recursive: true });
    await symlink(secret, join(directory, "blobs/sha256", "a".repeat(64)));
    await mkdir(join(directory, "blobs/sha256", "b".repeat(64)));
    for (const letter of ["a", "b"]) {
      const digest = `sha256:${letter.repeat(64)}`;
      for (const method of [Info, Read]) {
        const { status, messages } = await peer.call(method.path, [method.encodeRequest({ digest })], out);
        expect([status, messages.length]).toEqual([rpcStatus.notFound, 0]);
      }
    }
  });

  test("List names every blob and nothing else.", async () => {
    const digests = await Promise.all(Array.from({ length: 150 }, (_, at) => put(`blob ${at}`)));
    await writeFile(join(directory, "blobs/sha256/notes.txt"), "x");
    const { status, messages } = await peer.call(List.path, [List.encodeRequest({})], out);
    expect(status).toBe(rpcStatus.ok);
    expect(messages.length).toBe(2);
    const listed = messages.flatMap((message) =>
      List.decodeResponse(message).info.map(({ digest }) => digest),
    );
    expect(listed.sort()).toEqual(digests.sort());
  });

  test("List of a directory that is not there is empty.", async () => {
    const { status, messages } = await peer.call(List.path, [List.encodeRequest({})], store("local:in"));
    expect([status, messages.length]).toEqual([rpcStatus.ok, 0]);
  });
});

describe("writing", () => {
  const blob = Buffer.alloc(100_000, "layer");
  const digest = digestOf(blob);

  test("STAT, WRITE in pieces and COMMIT put a blob in its place, each answered with the offset.", async () => {
    const { status, messages } = await write([
      { action: STAT, ref: "layer", total: blob.length, expected: digest },
      { action: STAT },
      { action: WRITE, offset: 0, data: blob.subarray(0, 40_000) },
      { action: WRITE, offset: 40_000, data: blob.subarray(40_000) },
      { action: COMMIT, offset: blob.length, total: blob.length, expected: digest },
    ]);
    expect(status).toBe(rpcStatus.ok);
    const answers = messages.map((message) => Write.decodeResponse(message));
    expect(answers.map(({ action, offset }) => [action, offset.toNumber()])).toEqual([
      [STAT, 0],
      [STAT, 0],
      [WRITE, 40_000],
      [WRITE, 100_000],
      [COMMIT, 100_000],
    ]);
    expect(answers.at(-1)?.digest).toBe(digest);
    expect(answers[0]?.startedAt?.seconds.toNumber()).toBeGreaterThan(1_600_000_000);
    expect(blob.equals(await readFile(join(directory, "blobs/sha256", digest.slice(7))))).toBe(true);
    expect(await ingests()).toEqual([]);
  });

  test("A blob without announced size or digest is filed under what it is.", async () => {
    const { status } = await write([{ action: COMMIT, ref: "r", data: blob }]);
    expect(status).toBe(rpcStatus.ok);
    expect(await readdir(join(directory, "blobs/sha256"))).toEqual([digest.slice(7)]);
  });

  test("A blob that is there already ends the write at its first message.", async () => {
    await put(blob);
    const { status, messages } = await write([
      { action: STAT, ref: "r", total: blob.length, expected: digest },
    ]);
    expect([status, messages.length]).toEqual([rpcStatus.alreadyExists, 0]);
  });

  test("A damaged blob is written anew when its size is known.", async () => {
    await mkdir(join(directory, "blobs/sha256"), { recursive: true });
    await writeFile(join(directory, "blobs/sha256", digest.slice(7)), "half");
    const { status } = await write([
      { action: COMMIT, ref: "r", total: blob.length, expected: digest, data: blob },
    ]);
    expect(status).toBe(rpcStatus.ok);
    expect(blob.equals(await readFile(join(directory, "blobs/sha256", digest.slice(7))))).toBe(true);
  });

  test.each([
    ["another digest", { total: blob.length, expected: digestOf("other") }],
    ["another size", { total: blob.length + 1, expected: digest }],
  ])("COMMIT with %s is refused and leaves nothing.", async (_, claim) => {
    const { status } = await write([
      { action: STAT, ref: "r" },
      { action: WRITE, data: blob },
      { action: COMMIT, offset: blob.length, ...claim },
    ]);
    expect(status).toBe(rpcStatus.failedPrecondition);
    expect(await readdir(join(directory, "blobs/sha256")).catch(() => [])).toEqual([]);
    expect(await ingests()).toEqual([]);
  });

  test("A write that ends without COMMIT leaves nothing.", async () => {
    const { status } = await write([{ action: WRITE, ref: "r", data: blob }]);
    expect(status).toBe(rpcStatus.ok);
    expect(await ingests()).toEqual([]);
    expect(await readdir(join(directory, "blobs")).catch(() => [])).toEqual([]);
  });

  test("Writing at another place than the end is out of range, and at 0 it starts over.", async () => {
    const gap = await write([{ action: WRITE, ref: "r", offset: 5, data: blob }]);
    expect(gap.status).toBe(rpcStatus.outOfRange);
    const negative = await write([{ action: WRITE, ref: "r", offset: -5, data: blob }]);
    expect(negative.status).toBe(rpcStatus.outOfRange);
    const again = await write([
      { action: WRITE, ref: "r", data: Buffer.from("garbage that is longer than nothing") },
      { action: WRITE, offset: 0, data: blob },
      { action: COMMIT, offset: blob.length, expected: digest },
    ]);
    expect(again.status).toBe(rpcStatus.ok);
  });

  test("The first message must have a ref, and what cannot be decoded is refused.", async () => {
    expect((await write([{ action: STAT }])).status).toBe(rpcStatus.invalidArgument);
    expect((await peer.call(Write.path, [Buffer.from([0xff, 0xff])], out)).status).toBe(
      rpcStatus.invalidArgument,
    );
    expect((await peer.call(Info.path, [Buffer.from([0x0a, 0x7f])], out)).status).toBe(
      rpcStatus.invalidArgument,
    );
    expect((await peer.call(Info.path, [], out)).status).toBe(rpcStatus.invalidArgument);
    expect((await write([{ action: 7 as never, ref: "r" }])).status).toBe(rpcStatus.invalidArgument);
  });

  test("Two writers of one blob under different refs both succeed, and it is there once.", async () => {
    const messages = (ref: string) => [
      { action: STAT, ref, total: blob.length, expected: digest },
      { action: WRITE, data: blob },
      { action: COMMIT, offset: blob.length, expected: digest },
    ];
    const results = await Promise.all(["a", "b", "c"].map((ref) => write(messages(ref))));
    const statuses = results.map(({ status }) => status);
    expect(statuses).toContain(rpcStatus.ok);
    for (const status of statuses) expect([rpcStatus.ok, rpcStatus.alreadyExists]).toContain(status);
    expect(await readdir(join(directory, "blobs/sha256"))).toEqual([digest.slice(7)]);
    expect(await ingests()).toEqual([]);
  });

  test("A ref in use is shown by Status, refused to a second writer, and free again afterwards.", async () => {
    const stream = peer.open(Write.path, out);
    const message = Write.encodeRequest({ action: WRITE, ref: "layer", total: 9, data: Buffer.from("abc") });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    stream.write(Buffer.concat([prefix, message]));
    await new Promise((resolve) => stream.once("data", resolve));

    const second = await write([{ action: STAT, ref: "layer" }]);
    expect(second.status).toBe(rpcStatus.unavailable);
    const status = await peer.call(Status.path, [Status.encodeRequest({ ref: "layer" })], out);
    const told = Status.decodeResponse(status.messages[0]!).status;
    expect([told?.offset.toNumber(), told?.total.toNumber()]).toEqual([3, 9]);
    const all = await peer.call(ListStatuses.path, [ListStatuses.encodeRequest({})], out);
    expect(ListStatuses.decodeResponse(all.messages[0]!).statuses.map(({ ref }) => ref)).toEqual(["layer"]);
    expect((await peer.call(Abort.path, [Abort.encodeRequest({ ref: "layer" })], out)).status).toBe(
      rpcStatus.failedPrecondition,
    );

    stream.end();
    stream.resume();
    await new Promise((resolve) => stream.once("close", resolve));
    expect((await peer.call(Status.path, [Status.encodeRequest({ ref: "layer" })], out)).status).toBe(
      rpcStatus.notFound,
    );
    expect((await peer.call(Abort.path, [Abort.encodeRequest({ ref: "layer" })], out)).status).toBe(
      rpcStatus.notFound,
    );
    expect((await write([{ action: COMMIT, ref: "layer", data: blob }])).status).toBe(rpcStatus.ok);
  });
});

test("A call must say which store it means, and it must be one that is served.", async () => {
  const request = [Info.encodeRequest({ digest: digestOf("x") })];
  expect((await peer.call(Info.path, request)).status).toBe(rpcStatus.invalidArgument);
  expect((await peer.call(Info.path, request, store("local:other"))).status).toBe(rpcStatus.notFound);
  expect((await peer.call(Info.path, request, store("__proto__"))).status).toBe(rpcStatus.notFound);
});

test("A store for reading refuses writes, and no store deletes or labels.", async () => {
  expect(
    (await write([{ action: COMMIT, ref: "r", data: Buffer.from("x") }], store("local:in"))).status,
  ).toBe(rpcStatus.permissionDenied);
  expect(await readdir(readOnly)).toEqual([]);
  const digest = await put("x");
  expect((await peer.call(Delete.path, [Delete.encodeRequest({ digest })], out)).status).toBe(
    rpcStatus.permissionDenied,
  );
  expect((await peer.call(Update.path, [Update.encodeRequest({ info: { digest } })], out)).status).toBe(
    rpcStatus.failedPrecondition,
  );
  expect(await readdir(join(directory, "blobs/sha256"))).toEqual([digest.slice(7)]);
});

test("A disk that cannot be written is told to the daemon and kept for the solve's error.", async () => {
  const blocked = join(directory, "blocked");
  await writeFile(blocked, "a file where a directory should be");
  const contentStore = createContentStore({ "local:x": { path: blocked, writable: true } });
  const other = await openPeer([contentStore]);
  const request = [Write.encodeRequest({ action: COMMIT, ref: "r", data: Buffer.from("x") })];
  const { status } = await other.call(Write.path, request, store("local:x"));
  expect(status).toBe(rpcStatus.internal);
  expect(contentStore.failure).toMatchObject({ code: "export_failed" });
  await other.close();
});
