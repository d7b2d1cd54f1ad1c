import { expect, test } from "vitest";
import { LogFrames } from "./log-frames.js";

const frame = (stream: number, text: string) => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};
const read = (...chunks: Buffer[]) => {
  const frames = new LogFrames();
  const found: [number, string][] = [];
  for (const chunk of chunks) {
    for (const { stream, data } of frames.push(chunk)) {
      const last = found.at(-1);
      if (last?.[0] === stream) last[1] += data.toString();
      else found.push([stream, data.toString()]);
    }
  }
  return found;
};

test("Frames are taken apart however the bytes were cut.", () => {
  const bytes = Buffer.concat([frame(1, "out\n"), frame(2, "err\n"), frame(1, ""), frame(0, "more")]);
  const expected = [
    [1, "out\n"],
    [2, "err\n"],
    [1, "more"],
  ];
  expect(read(bytes)).toEqual(expected);
  for (const size of [1, 2, 7, 8, 9, 13]) {
    const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    expect(read(...parts)).toEqual(expected);
  }
});

test("A frame that claims 4 GiB hands on what there is and takes no memory for the rest.", () => {
  expect(read(Buffer.from([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]), Buffer.from("abc"))).toEqual([[1, "abc"]]);
});

test.each([
  [Buffer.from("plain text")],
  [Buffer.from([3, 0, 0, 0, 0, 0, 0, 1])],
  [Buffer.from([1, 0, 1, 0, 0, 0, 0, 1])],
])("What is no frame is refused.", (bytes) => {
  expect(() => read(bytes)).toThrow("cannot be understood");
});
