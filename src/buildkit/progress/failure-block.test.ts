import { expect, test } from "vitest";
import { BuildKitError } from "../errors.js";
import { renderFailure } from "./failure-block.js";
import { isTerminalSafe } from "./terminal-text.js";

const excerpt = [
  { line: 9, text: "COPY package*.json ./", failed: false },
  { line: 10, text: "RUN npm ci \\", failed: true },
  { line: 11, text: "\t--omit=dev", failed: true },
  { line: 12, text: "COPY . .", failed: false },
];
const logTail = Array.from({ length: 30 }, (_, line) => `npm error ${line}`);
const error = new BuildKitError("step_failed", "npm ci exited with 1", {
  hint: "run `npm install` locally and commit package-lock.json, which is what `npm ci` installs from.",
  failure: { dockerfile: { name: "Dockerfile", excerpt }, logTail },
});

test("a failure has the sentence, the lines, the log's end and what to do, in this order", () => {
  const lines = renderFailure(error, { color: false, columns: 60, build: "api", ranFor: 29_100 }).split("\n");
  expect(lines).toEqual([
    "✕ api could not be built: npm ci exited with 1",
    "  Dockerfile:10",
    "     9 │ COPY package*.json ./",
    "  ❯ 10 │ RUN npm ci \\",
    "  ❯ 11 │         --omit=dev   ← failed after 29.1 s",
    "    12 │ COPY . .",
    "",
    ...logTail.slice(10).map((line) => `  │ ${line}`),
    "",
    "  What to do: run `npm install` locally and commit",
    "              package-lock.json, which is what `npm ci`",
    "              installs from.",
    "",
  ]);
});

test("the mark of the failed line goes below it where there is no room", () => {
  const lines = renderFailure(error, { color: false, columns: 30, ranFor: 29_100 }).split("\n");
  expect(lines.slice(4, 6)).toEqual(["  ❯ 11 │         --omit=dev", "         ← failed after 29.1 s"]);
});

test("an error of which little is known is still a sentence", () => {
  expect(renderFailure(new BuildKitError("daemon_gone", "The daemon has gone."), { color: false })).toBe(
    "✕ The daemon has gone.\n",
  );
  const step = new BuildKitError("solve_failed", "failed", { failure: { step: "exporting to image" } });
  expect(renderFailure(step, { color: false })).toBe("✕ failed\n  at exporting to image\n");
});

test("without colours there is not one escape, and with them nothing but colours", () => {
  const hostile = new BuildKitError("step_failed", "bad \u001b[2J message\nsecond", {
    hint: "\u001b]0;x\u0007hint",
    failure: {
      step: "\u001b[H",
      dockerfile: {
        name: "Docker\u001b[31mfile",
        excerpt: [{ line: 1, text: "RUN \u001b[8mx", failed: true }],
      },
      logTail: ["\u001b[1;32mgreen\u001b[0m\u001b[5A", "a\rb"],
    },
  });
  const bare = renderFailure(hostile, { color: false }).split("\n");
  for (const line of bare) expect(isTerminalSafe(line)).toBe(true);
  expect(bare.slice(0, 2)).toEqual(["✕ bad  message", "  second"]);
  const colored = renderFailure(hostile, { color: true });
  expect(colored).toContain("\u001b[1;32mgreen\u001b[0m");
  for (const line of colored.split("\n"))
    expect(isTerminalSafe(line.replace(/\u001b\[[0-9;]*m/g, ""))).toBe(true);
});
