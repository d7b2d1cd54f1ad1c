import { expect, test } from "vitest";
import { parseTreeObject } from "./tree-object.js";

const id = (byte: number, length = 20) => Buffer.alloc(length, byte);
const entry = (head: string, bytes: Buffer) => Buffer.concat([Buffer.from(`${head}\0`), bytes]);

test("the entries of a directory are read with names in any encoding of UTF-8, and modes of six digits", () => {
  const content = Buffer.concat([
    entry("40000 a dir", id(1)),
    entry("100644 ä", id(0x20)),
    entry("120000 link", id(0)),
  ]);
  expect(Object.fromEntries(parseTreeObject(content, 20) ?? [])).toEqual({
    "a dir": { mode: "040000", id: "01".repeat(20) },
    ä: { mode: "100644", id: "20".repeat(20) },
    link: { mode: "120000", id: "00".repeat(20) },
  });
  expect(parseTreeObject(entry("100755 run", id(7, 32)), 32)?.get("run")?.id).toBe("07".repeat(32));
  expect(parseTreeObject(Buffer.alloc(0), 20)?.size).toBe(0);
});

test("what is cut off, or is no directory, is not taken for one", () => {
  const whole = entry("100644 file", id(1));
  for (let length = 1; length < whole.length; length++)
    expect(parseTreeObject(whole.subarray(0, length), 20), `${length} bytes`).toBeUndefined();
  expect(parseTreeObject(entry("tree abc", id(1)), 20)).toBeUndefined();
});
