import { expect, test } from "vitest";
import { pieces, plainText } from "./log-line.js";

const shown = (text: string, search = "") =>
  pieces(text, search).map(({ text, className, hit }) => [text, className, hit] as const);

test("colours become classes, and a line without any is one piece", () => {
  expect(shown("npm ci")).toEqual([["npm ci", "", false]]);
  expect(shown("\u001b[1;31merror\u001b[0m in \u001b[92mx\u001b[39m")).toEqual([
    ["error", "ansi-red ansi-bold", false],
    [" in ", "", false],
    ["x", "ansi-bright-green", false],
  ]);
});

test("a colour without a name is told as it is, and one of the palette by its name", () => {
  expect(pieces("\u001b[38;2;10;20;30mx", "")[0]?.color).toBe("10, 20, 30");
  expect(shown("\u001b[38;5;9mx")).toEqual([["x", "ansi-bright-red", false]]);
  expect(shown("\u001b[38;5;200mx")).toEqual([["x", "", false]]);
});

test("markup stays text", () => {
  const text = "<img src=x onerror=alert(1)> &amp; </div>";
  expect(shown(text)).toEqual([[text, "", false]]);
});

test("control sequences and direction marks leave nothing behind", () => {
  expect(plainText("a\u001b[2K\u001b[1Gb\u001b]0;title\u0007c\u202ed\u0000e")).toBe("abcde");
  expect(
    shown("a\u001b]8;;http://x\u0007b\u202e")
      .map(([text]) => text)
      .join(""),
  ).toBe("ab");
});

test("of a line that was written over itself the last writing counts", () => {
  expect(plainText("10%\r50%\r100%\r")).toBe("100%");
  expect(shown("10%\r100%")).toEqual([["100%", "", false]]);
});

test("what is searched for is marked over the borders of colours, upper and lower case alike", () => {
  expect(shown("an \u001b[31mERR\u001b[0mor, an error", "error")).toEqual([
    ["an ", "", false],
    ["ERR", "ansi-red", true],
    ["or", "", true],
    [", an ", "", false],
    ["error", "", true],
  ]);
});

test("a line of a megabyte is cut where it is shown", () => {
  expect(shown("x".repeat(1_000_000))[0]?.[0]).toHaveLength(20_000);
});
