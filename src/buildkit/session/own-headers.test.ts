import { afterEach, expect, test } from "vitest";
import { HeaderFrames } from "./header-frames.js";
import { HeaderDecoder, literalHeader } from "./hpack.js";
import { frame, frameType, grpcHeaders, headersFrames, hello } from "./http2-frames.testing.js";
import type { SessionMetadata } from "./metadata.js";
import { deferred, openPeer, openRaw, type Peer } from "./peer.testing.js";
import type { SessionService } from "./service.js";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((peer) => peer.close()));
});

/** Tells the metadata of each call. */
function listening(): { service: SessionService; next(): Promise<SessionMetadata> } {
  let heard = deferred<SessionMetadata>();
  return {
    service: { methods: { "/t.T/Run": async (call) => heard.resolve(call.metadata) } },
    next: () => {
      heard = deferred<SessionMetadata>();
      return heard.promise;
    },
  };
}

test("twenty thousand patterns of one call all arrive", async () => {
  const heard = listening();
  const { session, wire } = await openRaw([heard.service], "tcp", { ownHeaders: true });
  open.push(session);
  const patterns = Array.from({ length: 20_000 }, (_, index) => `some/folder/file-${index}.txt`);
  const metadata = heard.next();
  const headers = patterns.map((pattern) => ["exclude-patterns", pattern] as const);
  wire.write(Buffer.concat([hello, headersFrames(1, [...grpcHeaders("/t.T/Run"), ...headers])]));
  const seen = await Promise.race([metadata, session.closed]);
  expect((seen as SessionMetadata).all("exclude-patterns")).toEqual(patterns);
});

test("blanks at the ends of a value stay, and bytes that are no text", async () => {
  const heard = listening();
  const { session, wire } = await openRaw([heard.service], "memory", { ownHeaders: true });
  open.push(session);
  const metadata = heard.next();
  const values = [" lead", "trail ", "\ttab\t", " ", "", Buffer.from("ü ").toString("latin1")];
  const headers = values.map((value) => ["followpaths", value] as const);
  wire.write(Buffer.concat([hello, headersFrames(1, [...grpcHeaders("/t.T/Run"), ...headers])]));
  const seen = await Promise.race([metadata, session.closed]);
  expect((seen as SessionMetadata).all("followpaths")).toEqual([" lead", "trail ", "\ttab\t", " ", "", "ü "]);
});

test("what node's own client compresses is read over many calls, tables and Huffman codes included", async () => {
  const heard = listening();
  const peer: Peer = await openPeer([heard.service], "tcp", { ownHeaders: true });
  open.push(peer);
  const everyByte = Array.from({ length: 0x5f }, (_, index) => String.fromCharCode(0x21 + index)).join("");
  const high = Array.from({ length: 0x80 }, (_, index) => String.fromCharCode(0x80 + index)).join("");
  for (let round = 0; round < 300; round++) {
    const metadata = heard.next();
    const patterns = Array.from({ length: round % 40 }, (_, at) => `${everyByte}${at % 3}/${round * at}`);
    const answer = peer.call("/t.T/Run", [], {
      "exclude-patterns": [...patterns, "x"],
      high,
      [`k${round % 70}`]: "v",
    });
    const seen = await metadata;
    expect(seen.all("exclude-patterns")).toEqual([...patterns, "x"]);
    expect(seen.first("high")).toBe(Buffer.from(high, "latin1").toString());
    expect(seen.first(`k${round % 70}`)).toBe("v");
    expect((await answer).status).toBe(0);
  }
});

test("the example of HPACK's own description is read", () => {
  // RFC 7541 C.4: three requests on one connection, with Huffman codes.
  const decoder = new HeaderDecoder(1000);
  const read = (hex: string) => decoder.decode(Buffer.from(hex, "hex"));
  expect(read("828684418cf1e3c2e5f23a6ba0ab90f4ff")).toContain("www.example.com");
  expect(read("828684be5886a8eb10649cbf").slice(-4)).toEqual([
    ":authority",
    "www.example.com",
    "cache-control",
    "no-cache",
  ]);
  expect(read("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf").slice(-4)).toEqual([
    ":authority",
    "www.example.com",
    "custom-key",
    "custom-value",
  ]);
});

test.each([
  ["an entry that is in no table", "bf"],
  ["an index of 0", "80"],
  ["an endless integer", "ffffffffffffff"],
  ["a table larger than allowed", "3fe21f"],
  ["a table that changes its size in the middle", "8220"],
  ["a Huffman string with wrong padding", "0001788100"],
  ["a Huffman string that ends inside", "00017884ffffffff"],
])("%s is refused", (_name, hex) => {
  expect(() => new HeaderDecoder(1000).decode(Buffer.from(hex, "hex"))).toThrow(RangeError);
});

test("a few bytes that stand for a long list are refused at the limit", () => {
  const decoder = new HeaderDecoder(100_000);
  const kept = literalHeader("k", "v".repeat(3000));
  kept[0] = 0x40;
  decoder.decode(kept);
  expect(() => decoder.decode(Buffer.alloc(1000, 0xbe))).toThrow("too long");
});

test("frames pass unharmed however they are cut", () => {
  const data = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
  const bytes = Buffer.concat([
    hello,
    headersFrames(1, [...grpcHeaders("/a"), ["x", "y".repeat(40_000)]]),
    frame(frameType.data, 0, 1, data),
    frame(frameType.ping, 0, 0, Buffer.from("pingpong")),
    headersFrames(3, grpcHeaders("/b")),
    frame(frameType.data, 1, 1),
  ]);
  const expected = Buffer.concat([
    hello,
    headersFrames(1, grpcHeaders("/a")),
    frame(frameType.data, 0, 1, data),
    frame(frameType.ping, 0, 0, Buffer.from("pingpong")),
    headersFrames(3, grpcHeaders("/b")),
    frame(frameType.data, 1, 1),
  ]);
  for (const step of [1, 2, 7, 9, 10, 1000, bytes.length]) {
    const frames = new HeaderFrames(1_000_000);
    const passed: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += step)
      passed.push(...frames.push(bytes.subarray(at, at + step)));
    expect(Buffer.concat(passed).equals(expected), `in steps of ${step}`).toBe(true);
    expect(frames.take(1)).toContain("y".repeat(40_000));
    expect(frames.take(1)).toBeUndefined();
    expect(frames.take(3)).toContain("/b");
  }
});
