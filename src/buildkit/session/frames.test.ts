import { expect, test } from "vitest";
import { FrameDecoder } from "./frames.js";
import { framed } from "./peer.testing.js";

test("finds the same messages however the bytes are cut", () => {
  const messages = [0, 1, 5, 100, 0, 9000].map((size, index) => Buffer.alloc(size, index));
  const bytes = Buffer.concat(messages.map(framed));
  for (let step = 1; step < 300; step++) {
    const decoder = new FrameDecoder(10_000);
    const found: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += step)
      found.push(...decoder.push(bytes.subarray(at, at + step)));
    decoder.end();
    expect(found.map(String)).toEqual(messages.map(String));
  }
});

test("takes a message of exactly the limit and refuses one byte more before it arrives", () => {
  const decoder = new FrameDecoder(100);
  expect([...decoder.push(framed(Buffer.alloc(100)))]).toHaveLength(1);
  expect(() => [...decoder.push(Buffer.from([0, 0, 0, 0, 101]))]).toThrow("101 bytes");
});

test("notices an end inside a prefix and inside a message", () => {
  for (const length of [1, 4, 5, 7]) {
    const decoder = new FrameDecoder(100);
    expect([...decoder.push(framed(Buffer.alloc(3)).subarray(0, length))]).toHaveLength(0);
    expect(() => decoder.end()).toThrow("inside a message");
  }
});
