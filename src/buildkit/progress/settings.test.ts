import { expect, test } from "vitest";
import { parsePalette } from "./palette.js";
import { chooseProgress } from "./settings.js";

const terminal = { isTTY: true };
const pipe = { isTTY: false };

test("auto is tty on a terminal and plain anywhere else", () => {
  expect(chooseProgress({ env: {}, output: terminal }).mode).toBe("tty");
  expect(chooseProgress({ mode: "auto", env: {}, output: pipe }).mode).toBe("plain");
  expect(chooseProgress({ env: { TERM: "dumb" }, output: terminal }).mode).toBe("plain");
});

test("BUILDKIT_PROGRESS decides where nothing else is asked for", () => {
  const env = { BUILDKIT_PROGRESS: "rawjson" };
  expect(chooseProgress({ mode: "auto", env, output: terminal }).mode).toBe("rawjson");
  expect(chooseProgress({ mode: "plain", env, output: terminal }).mode).toBe("plain");
});

test("tty without a terminal, and a mode that there is none of, are refused with a hint", () => {
  expect(() => chooseProgress({ mode: "tty", env: {}, output: pipe })).toThrow(
    expect.objectContaining({ code: "option_invalid", hint: expect.stringContaining("plain") }),
  );
  expect(() => chooseProgress({ mode: "fancy", env: {}, output: pipe })).toThrow(/--progress is "fancy"/);
  expect(() => chooseProgress({ env: { BUILDKIT_PROGRESS: "fancy" }, output: pipe })).toThrow(
    /BUILDKIT_PROGRESS is "fancy"/,
  );
});

test.each([
  [{}, terminal, true],
  [{}, pipe, false],
  [{ NO_COLOR: "1" }, terminal, false],
  [{ NO_COLOR: "" }, terminal, true],
  [{ NO_COLOR: "1", CLICOLOR_FORCE: "1" }, terminal, false],
  [{ CLICOLOR: "0" }, terminal, false],
  [{ CLICOLOR_FORCE: "1" }, pipe, true],
  [{ CLICOLOR_FORCE: "0" }, pipe, false],
])("with %j on %j colours are %s", (env, output, color) => {
  expect(chooseProgress({ env, output }).color).toBe(color);
});

test("BUILDKIT_COLORS takes names and numbers, and names what it does not understand", () => {
  expect(parsePalette("run=light-blue:error=255,0,10")).toMatchObject({
    run: "94",
    error: "38;2;255;0;10",
    warning: "33",
  });
  expect(parsePalette("cancel=default")).toMatchObject({ cancel: "39" });
  for (const bad of ["run=pink", "walk=red", "run=1,2", "run=256,0,0", "run"])
    expect(() => parsePalette(bad)).toThrow(/BUILDKIT_COLORS/);
});

test("BUILDKIT_TTY_LOG_LINES sets the height of a log, within reason", () => {
  const rows = (value: string) =>
    chooseProgress({ env: { BUILDKIT_TTY_LOG_LINES: value }, output: pipe }).logRows;
  expect([rows("12"), rows(""), rows("-1"), rows("x"), rows("1e9")]).toEqual([12, 6, 6, 6, 200]);
});
