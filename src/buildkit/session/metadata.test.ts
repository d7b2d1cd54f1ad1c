import { expect, test } from "vitest";
import { decodeMetadata, queryUnescape } from "./metadata.js";

const latin1 = (text: string) => Buffer.from(text, "utf8").toString("latin1");

test("keeps the values of a repeated key apart and in order, also when they hold commas", () => {
  const metadata = decodeMetadata([":path", "/x", "Follow", "a, b", "other", "1", "follow", "c"]);
  expect(metadata.all("follow")).toEqual(["a, b", "c"]);
  expect(metadata.first("follow")).toBe("a, b");
  expect(metadata.all("missing")).toEqual([]);
  expect(metadata.first("missing")).toBeUndefined();
  expect(metadata.all(":path")).toEqual([]);
});

test("reads the bytes of a value as UTF-8, as 20.10 sends it", () => {
  expect(decodeMetadata(["name", latin1("größe 🐳")]).first("name")).toBe("größe 🐳");
});

test("unescapes all values of a key that is marked as encoded, as 0.13 and newer send it", () => {
  const metadata = decodeMetadata([
    "followpaths",
    "a%2C+b.txt",
    "followpaths",
    "plus%2Bpct%2541.txt",
    "followpaths",
    "%C3%BC+x.txt",
    "followpaths-encoded",
    "1",
  ]);
  expect(metadata.all("followpaths")).toEqual(["a, b.txt", "plus+pct%41.txt", "ü x.txt"]);
});

test.each([[], ["name-encoded", "0"], ["name-encoded", "yes"]])(
  "leaves values alone without a true flag: %j",
  (...flags) => {
    expect(decodeMetadata(["name", "100%41+1", ...flags]).first("name")).toBe("100%41+1");
  },
);

test.each(["%", "%4", "a%zz", "%%41"])("refuses the malformed escape %s", (value) => {
  expect(() => queryUnescape(value)).toThrow(RangeError);
});
