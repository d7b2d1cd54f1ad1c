import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { nodeOptions } from "./node-options.js";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("An agent in its container and the benchmark are started as `galley up` starts an agent.", () => {
  const command = ["node", ...nodeOptions("agent"), "/opt/galley/dist/cli/main.js", "agent", "run"];
  expect(read("Dockerfile")).toContain(`\nCMD ${JSON.stringify(command).replaceAll(",", ", ")}\n`);
  const { scripts } = JSON.parse(read("package.json")) as { scripts: { bench: string } };
  expect(scripts.bench).toContain(` node ${nodeOptions("agent").join(" ")} dist/test/bench/main.js`);
  expect(nodeOptions("server")).toEqual([]);
});
