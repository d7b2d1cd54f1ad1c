import { expect, test } from "vitest";
import { isTerminalSafe, safeLine, safeName } from "./terminal-text.js";

test("text without control characters is not touched, whatever its script", () => {
  for (const line of ["plain", "支付 ✓ 👩‍👩‍👧 é", ""]) {
    expect(safeLine(line, true)).toBe(line);
    expect(isTerminalSafe(line)).toBe(true);
  }
});

test("colours stay where they are wanted and are closed at the end", () => {
  expect(safeLine("\u001b[1;31mred\u001b[0m and \u001b[38;5;208morange", true)).toBe(
    "\u001b[1;31mred\u001b[0m and \u001b[38;5;208morange\u001b[0m",
  );
  expect(safeLine("\u001b[31mred\u001b[m.", true)).toBe("\u001b[31mred\u001b[m.");
  expect(safeLine("\u001b[1;31mred\u001b[0m", false)).toBe("red");
});

test("text that would blink or be hidden is shown as any other", () => {
  expect(safeLine("\u001b[8mhidden\u001b[0m", true)).toBe("\u001b[0mhidden\u001b[0m".slice(4));
  expect(safeLine("\u001b[5mblink", true)).toBe("blink");
  // 5 and 8 behind 38 or 48 are not attributes but colours.
  expect(safeLine("\u001b[48;2;8;5;8mx", true)).toBe("\u001b[48;2;8;5;8mx\u001b[0m");
  expect(safeLine("\u001b[38;5;8;8mx", true)).toBe("x");
});

test.each([
  ["moves the cursor up", "a\u001b[5Ab", "ab"],
  ["erases the screen", "\u001b[2J\u001b[Hgone", "gone"],
  ["sets the window's title", "a\u001b]0;owned\u0007b", "ab"],
  ["writes to the clipboard", "a\u001b]52;c;cm0gLXJm\u001b\\b", "ab"],
  ["opens a link", "\u001b]8;;http://evil\u001b\\text\u001b]8;;\u001b\\", "text"],
  ["is a device control string", "a\u001bP$q\u001b\\b", "ab"],
  ["uses the 8-bit introducer", "a\u009b31mb\u009d0;t\u009cc", "abc"],
  ["resets the terminal", "a\u001bcb", "ab"],
  ["chooses a character set", "a\u001b(0b", "ab"],
  ["is unfinished", "a\u001b[31", "a"],
  ["is unfinished as a string", "a\u001b]0;title", "a"],
  ["rings and deletes", "a\u0007\u0008\u007fb\u0000", "ab"],
  ["reorders text", "a\u202egnp.exe\u2066b", "agnp.exeb"],
  ["breaks the line for some readers", "a\u2028b", "a b"],
  ["asks the terminal a question", "a\u001b[6n\u001b[>cb", "ab"],
])("a sequence that %s is removed", (_, line, expected) => {
  expect(safeLine(line, false)).toBe(expected);
  expect(isTerminalSafe(safeLine(line, true).replace(/\u001b\[[0-9;:]*m/g, ""))).toBe(true);
});

test("after a carriage return the line is what was written last", () => {
  expect(safeLine("10%\r50%\r100%", false)).toBe("100%");
  expect(safeLine("10%\r100%\r", false)).toBe("100%");
  expect(safeLine("\r", false)).toBe("");
});

test("tabs become spaces up to the next stop", () => {
  expect(safeLine("a\tb\t\tc", false)).toBe("a       b               c");
});

test("a name is one line without colours and not endless", () => {
  expect(safeName("RUN <<EOT\n\u001b[31mset -e\u001b[0m\r\n\tx")).toBe("RUN <<EOT set -e x");
  expect(safeName("x".repeat(5000))).toHaveLength(1001);
  expect(safeName(`${"x".repeat(9)}😀`, 10)).toBe(`${"x".repeat(9)}…`);
});

test("whatever comes in, nothing but colours comes out", () => {
  const alphabet = [
    "\u001b",
    "[",
    "]",
    "P",
    "m",
    "3",
    "1",
    ";",
    "\u0007",
    "\u009b",
    "\\",
    "a",
    "\r",
    "\t",
    "\u202e",
    ":",
    "8",
    "(",
    " ",
    "é",
  ];
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed % below;
  };
  for (let round = 0; round < 5000; round += 1) {
    const line = Array.from({ length: random(24) }, () => alphabet[random(alphabet.length)]).join("");
    const shown = safeLine(line, true);
    expect(isTerminalSafe(shown.replace(/\u001b\[[0-9;:]*m/g, "")), JSON.stringify(line)).toBe(true);
    expect(isTerminalSafe(safeLine(line, false)), JSON.stringify(line)).toBe(true);
    expect(isTerminalSafe(safeName(line)), JSON.stringify(line)).toBe(true);
  }
});
