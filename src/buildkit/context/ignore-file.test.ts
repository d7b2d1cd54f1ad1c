import { expect, test } from "vitest";
import { parseIgnoreFile } from "./ignore-file.js";

test("an ignore file is read line by line as the daemon reads it", () => {
  const file = [
    "\ufeffplain",
    "/rooted",
    "/a/b/",
    "",
    "# comment",
    " # no comment",
    "  spaces around \t",
    "./x/../y//z",
    "! /kept/file",
    "!",
    "! ",
    "/",
    "..",
    "windows\r",
    "café/*",
    "#",
    "last",
  ].join("\n");
  expect(parseIgnoreFile(file)).toEqual([
    "plain",
    "rooted",
    "a/b",
    "# no comment",
    "spaces around",
    "y/z",
    "!kept/file",
    "!",
    "!",
    "/",
    "..",
    "windows",
    "café/*",
    "last",
  ]);
});

test("a byte order mark is taken off the first line only", () => {
  expect(parseIgnoreFile(Buffer.from("\ufeff#c\n\ufeffb"))).toEqual(["\ufeffb"]);
});

test("a line that the daemon could not read is refused", () => {
  expect(() => parseIgnoreFile(`ok\n${"x".repeat(65_536)}`)).toThrow(
    expect.objectContaining({ code: "context_invalid", message: expect.stringContaining("Line 2") }),
  );
});
