import { expect, test } from "vitest";
import { progressLine, progressText } from "./progress-line.js";

test("Where it is known how much there is a bar fills up, and nothing makes it longer than that.", () => {
  expect(progressText(0, 4, "4 contents")).toBe(`${"░".repeat(30)} 0 % of 4 contents`);
  expect(progressText(1, 2, "2 contents")).toBe(`${"█".repeat(15)}${"░".repeat(15)} 50 % of 2 contents`);
  for (const [done, all] of [
    [9, 4],
    [0, 0],
  ] as const)
    expect(progressText(done, all, "all")).toBe(`${"█".repeat(30)} 100 % of all`);
  expect(progressText(3, null, "removed\u001b[31m")).toMatch(/^3 removed[^\u001b]*$/);
});

test("A terminal sees each line once and an empty one at the end, and nobody else sees anything.", () => {
  const seen = (isTTY: boolean) => {
    let text = "";
    const write = (chunk: string) => {
      text += chunk;
      return true;
    };
    const line = progressLine({ isTTY, write } as unknown as NodeJS.WriteStream);
    line.show(1, null, "removed");
    line.show(1, null, "removed");
    line.clear();
    line.clear();
    return text;
  };
  expect(seen(true)).toBe("\r\u001b[K1 removed\r\u001b[K");
  expect(seen(false)).toBe("");
});
