import { expect, test } from "vitest";
import { TarEnd } from "./tar-end.js";

const watch = (...chunks: Uint8Array[]) => {
  const end = new TarEnd();
  for (const chunk of chunks) end.push(chunk);
  return end;
};
const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

test("A tar that ends in two blocks of zeros is whole, however it was cut into messages.", () => {
  const tar = Buffer.concat([bytes(512, 7), bytes(1024, 0)]);
  expect(watch(tar).complete).toBe(true);
  for (const size of [1, 3, 511, 512, 1000, 1023]) {
    const parts = Array.from({ length: Math.ceil(tar.length / size) }, (_, at) =>
      tar.subarray(at * size, (at + 1) * size),
    );
    expect(watch(...parts).complete).toBe(true);
  }
  expect(watch(tar, bytes(8192, 0)).complete).toBe(true);
});

test("Anything else is not whole.", () => {
  expect(watch().complete).toBe(false);
  expect(watch(bytes(512, 7)).complete).toBe(false);
  expect(watch(bytes(512, 7), bytes(512, 0)).complete).toBe(false);
  expect(watch(bytes(500, 7), bytes(1024, 0)).complete).toBe(false);
  expect(watch(bytes(1024, 0), bytes(512, 7)).complete).toBe(false);
  expect(watch(bytes(512, 7), bytes(1023, 0)).complete).toBe(false);
});

test("Empty messages change nothing.", () => {
  expect(watch(bytes(512, 7), bytes(0, 0), bytes(1024, 0), bytes(0, 0)).complete).toBe(true);
});
