import { expect, test } from "vitest";
import { goMode, goModeOf } from "./mode.js";
import {
  decodePacket,
  encodeData,
  encodeError,
  encodeRequest,
  encodeStat,
  endOfWalk,
  finPacket,
  packetType,
} from "./packet.js";
import type { TreeEntry } from "./tree.js";

const entry: TreeEntry = {
  path: Buffer.from([0x61, 0xff, 0x2f, 0x62]),
  mode: goModeOf(0o100755),
  uid: 0,
  gid: 0,
  size: 5 * 2 ** 30 + 7,
  modTime: 1_700_000_000_123_456_789n,
};

test("a stat packet has the bytes that protobuf prescribes", () => {
  const plain: TreeEntry = { path: Buffer.from("a"), mode: 0o644, uid: 0, gid: 0, size: 1, modTime: 1n };
  expect(encodeStat(plain).toString("hex")).toBe("120a0a016110a40328013001");
});

test("a stat packet survives the way there and back, whatever bytes its path has", () => {
  expect(decodePacket(encodeStat(entry))).toMatchObject({ type: packetType.stat, id: 0, stat: entry });
});

test("times before 1970 and beyond 2^53 nanoseconds are kept to the nanosecond", () => {
  for (const modTime of [
    -1n,
    -62_135_596_800_000_000_000n / 7n,
    2n ** 62n + 1n,
    0n,
    9_007_199_254_740_993n,
  ]) {
    expect(decodePacket(encodeStat({ ...entry, modTime })).stat?.modTime).toBe(modTime);
  }
});

test("the mode of a directory does not become negative on the way", () => {
  const mode = goModeOf(0o041755);
  expect(mode).toBe((goMode.directory | goMode.sticky | 0o755) >>> 0);
  expect(decodePacket(encodeStat({ ...entry, mode })).stat?.mode).toBe(mode);
});

test("a symlink is sent with the length of its target as size", () => {
  const link = { ...entry, mode: goModeOf(0o120777), size: 0, linkname: Buffer.from("../target") };
  expect(decodePacket(encodeStat(link)).stat).toMatchObject({ size: 9, linkname: link.linkname });
});

test("requests and data carry their id, which is left out when it is 0", () => {
  for (const id of [0, 1, 127, 128, 20_000, 0xffff_ffff]) {
    expect(decodePacket(encodeRequest(id))).toMatchObject({ type: packetType.request, id });
    const data = decodePacket(encodeData(id, Buffer.from("content")));
    expect(data).toMatchObject({ type: packetType.data, id });
    expect(Buffer.from(data.data).toString()).toBe("content");
    expect(decodePacket(encodeData(id, Buffer.alloc(0))).data).toHaveLength(0);
  }
  expect(encodeRequest(0).toString("hex")).toBe("0801");
});

test("the end of the walk is a stat packet without stat, FIN and ERR are what they are", () => {
  expect(decodePacket(endOfWalk)).toMatchObject({ type: packetType.stat, stat: undefined });
  expect(decodePacket(finPacket)).toMatchObject({ type: packetType.fin });
  expect(Buffer.from(decodePacket(encodeError("why ü")).data).toString()).toBe("why ü");
});

test("fields that a newer daemon adds are passed over", () => {
  const known = encodeRequest(7);
  const unknown = Buffer.from("4a0178500159010203040506070865aabbccdd", "hex");
  expect(decodePacket(Buffer.concat([unknown, known, unknown]))).toMatchObject({ type: 1, id: 7 });
});

test.each([
  ["a field longer than the message", "220a00"],
  ["a message that ends inside a number", "0880"],
  ["a number of more than ten bytes", "18ffffffffffffffffffff01"],
  ["an id beyond 32 bits", "188080808020"],
  ["a group, which protobuf 3 has not", "0b0c"],
  ["a wrong wire type", "0a00"],
  ["a field with number 0", "0000"],
  ["a size below 0", "120b28ffffffffffffffffff01"],
])("refuses %s", (_, hex) => {
  expect(() => decodePacket(Buffer.from(hex, "hex"))).toThrow(
    expect.objectContaining({ code: "protocol_violation" }),
  );
});

test("random bytes are decoded or refused, nothing else", () => {
  let seed = 42;
  const random = () => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return seed >>> 16;
  };
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(Array.from({ length: random() % 40 }, random));
    try {
      decodePacket(bytes);
    } catch (error) {
      expect(error).toMatchObject({ code: "protocol_violation" });
    }
  }
});
