import { expect, test } from "vitest";
import { ago } from "./ago.js";
import { LogLines } from "./follow/log-lines.js";
import { plainText } from "./plain-text.js";
import { safeJson } from "./safe-json.js";
import { sheet, table } from "./table.js";

const nasty = "a\u001b[2Jb\u0007\nc\u009b31m\u202e";

test("columns are as wide as their widest cell, and lines have no blanks at their end", () => {
  const rows = [
    ["shop/pr-7", { text: "running", tone: "good" as const }, "http://x"],
    ["a/ref-main", "failed", ""],
  ];
  expect(table(["ENVIRONMENT", "STATE", "URL"], rows, false)).toBe(
    "ENVIRONMENT   STATE     URL\nshop/pr-7     running   http://x\na/ref-main    failed\n",
  );
});

test("colours do not change where columns stand", () => {
  const text = table(["A", "B"], [[{ text: "x", tone: "bad" }, "y"]], true);
  expect(text).toContain("\u001b[31mx\u001b[0m");
  expect(text.replaceAll(/\u001b\[\d+m/g, "")).toBe("A   B\nx   y\n");
});

test("nothing that comes from elsewhere acts on the terminal", () => {
  const shown = [
    table([nasty], [[nasty]], false),
    sheet([["name", nasty]], false),
    new LogLines({ service: undefined, json: false, color: false }).format({
      service: nasty,
      text: nasty,
      at: nasty,
    }),
    new LogLines({ service: undefined, json: true, color: true }).format({
      service: nasty,
      text: nasty,
      at: nasty,
    }),
    safeJson({ [nasty]: nasty }),
    plainText(nasty),
  ];
  for (const text of shown) expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(JSON.parse(safeJson({ [nasty]: nasty }))).toEqual({ [nasty]: nasty });
});

test("a sheet leaves out what has no value", () => {
  expect(
    sheet(
      [
        ["url", null],
        ["state", "up"],
        ["longer", ""],
      ],
      false,
    ),
  ).toBe("state   up\n");
});

test.each([
  [0, "just now"],
  [-5000, "just now"],
  [1000, "1s ago"],
  [59_999, "59s ago"],
  [60_000, "1m ago"],
  [200_000, "3m 20s ago"],
  [12 * 60_000, "12m ago"],
  [3_600_000 * 5 + 60_000 * 7, "5h 7m ago"],
  [86_400_000 * 40, "40d ago"],
])("%i milliseconds ago reads as %s", (milliseconds, text) => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  expect(ago(new Date(now - milliseconds).toISOString(), now)).toBe(text);
});

test("what is no time is a dash", () => {
  expect(ago(null, 0)).toBe("-");
  expect(ago("yesterday", 0)).toBe("-");
});

test("log lines have their service in front, unless one alone was asked for", () => {
  const line = (service: string | null, text: string) => ({ service, text, at: "" });
  const all = new LogLines({ service: undefined, json: false, color: false });
  expect(all.format(line("web", "hello"))).toBe("web | hello\n");
  expect(all.format(line("worker", "hello"))).toBe("worker | hello\n");
  expect(all.format(line("web", "again"))).toBe("web    | again\n");
  const one = new LogLines({ service: "web", json: false, color: false });
  expect(one.format(line("web", "hello")) + one.format(line("api", "hello"))).toBe("hello\n");
});
