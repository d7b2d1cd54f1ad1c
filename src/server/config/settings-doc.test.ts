import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeSettings } from "./settings.js";

test("the page about the server has the table of its settings as the schema says it", () => {
  const page = readFileSync(new URL("../../../docs/server.md", import.meta.url), "utf8");
  const rows = describeSettings().map(
    ({ name, fallback, accepted, purpose }) => `| \`${name}\` | ${fallback} | ${accepted} | ${purpose} |`,
  );
  const table = page.split("\n").filter((line) => line.startsWith("| `GALLEY_"));
  expect(table).toEqual(rows);
});
