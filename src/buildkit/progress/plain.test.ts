import { expect, test } from "vitest";
import { recorded, recordings, replay, TestClock, TestOutput } from "../../../test/progress/recorded.js";
import { BuildKitError } from "../errors.js";
import { createRenderer } from "./create.js";
import { PlainRenderer } from "./plain.js";
import { isTerminalSafe } from "./terminal-text.js";
import type { SolveStatus, Vertex } from "./types.js";

const empty: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };
const start = Date.parse("2026-11-22T17:00:00Z");
const at = (second: number) => new Date(start + second * 1000).toISOString();
const running = (digest: string, name: string): Vertex => ({ digest, name, started: at(0) });
const log = (vertex: string, second: number, text: string, stream = 1): SolveStatus => ({
  ...empty,
  logs: [{ vertex, stream, data: Buffer.from(text), timestamp: at(second) }],
});

function plain(color = false) {
  const output = new TestOutput();
  const clock = new TestClock(start);
  return { output, clock, renderer: new PlainRenderer({ output, clock, color }) };
}

async function shown(name: string): Promise<string[]> {
  const { output, clock, renderer } = plain();
  replay(recorded(name), clock, (status) => renderer.update(undefined, status));
  renderer.finish(undefined, { kind: "built" });
  await renderer.close();
  return output.lines;
}

test("a build reads as BuildKit's plain output does", async () => {
  const lines = (await shown("28c-basic")).map((line) => line.replace(/[0-9a-f]{64}/, "…"));
  expect(lines.slice(0, 19)).toEqual([
    "#1 [internal] load build definition from Dockerfile.basic",
    "#1 transferring dockerfile: 585B done",
    "#1 DONE 0.0s",
    "",
    "#2 [internal] load metadata for docker.io/library/busybox:latest",
    "#2 DONE 0.0s",
    "",
    "#3 [internal] load .dockerignore",
    "#3 transferring context: 2B done",
    "#3 DONE 0.0s",
    "",
    "#4 [base 1/4] FROM docker.io/library/busybox:latest@sha256:…",
    "#4 resolve docker.io/library/busybox:latest@sha256:… 0.0s done",
    "#4 CACHED",
    "",
    "#5 [internal] load build context",
    "#5 transferring context:",
    "#5 transferring context: 73B done",
    "#5 DONE 0.0s",
  ]);
  const run = lines.findIndex((line) => line.includes("[base 4/4] RUN"));
  expect(lines.slice(run + 1, run + 9)).toEqual([
    "#8 0.270 installing 1795364796",
    "#8 0.270 fetch 1",
    "#8 0.472 fetch 2",
    "#8 0.674 fetch 3",
    "#8 0.876 fetch 4",
    "#8 1.078 fetch 5",
    "#8 1.279 warn: deprecated",
    "#8 1.279 no newline at end",
  ]);
  expect(lines).toContain("#9 0.243 green text");
  expect(lines).toContain("#9 0.243 progress 100%");
});

test.each(recordings)(
  "%s: every step is named before it is spoken of, ends once, and every line is safe",
  async (name) => {
    const lines = await shown(name);
    const named = new Set<string>();
    let current = "";
    for (const line of lines) {
      expect(isTerminalSafe(line)).toBe(true);
      const [, number, rest = ""] = /^(#\d+) (.*)$/.exec(line) ?? [];
      if (number === undefined) {
        current = "";
        continue;
      }
      if (number !== current) named.add(`${number} ${rest}`);
      else expect(rest).not.toBe("");
      current = number;
    }
    const ends = lines
      .filter((line) => /^#\d+ (DONE|CACHED|CANCELED|ERROR)/.test(line))
      .map((line) => line.split(" ")[0]);
    expect(ends.length).toBe(new Set(ends).size);
    expect(new Set(ends).size).toBe(new Set([...named].map((line) => line.split(" ")[0])).size);
  },
);

test("a failing build says which step failed and which were cancelled", async () => {
  const lines = await shown("28c-fail");
  expect(
    lines
      .filter((line) => / (ERROR|CANCELED)/.test(line))
      .map((line) => line.replace(/process.*: exit/, "… exit")),
  ).toEqual([
    expect.stringMatching(/^#\d+ ERROR: … exit code: 7$/),
    expect.stringMatching(/^#\d+ CANCELED$/),
  ]);
});

test("a clipped log shows the daemon's mark", async () => {
  for (const engine of ["20", "26", "28c"]) {
    expect(
      (await shown(`${engine}-logs`)).filter((line) =>
        line.endsWith("[output clipped, log limit 200KiB/s reached]"),
      ),
    ).toHaveLength(1);
  }
});

test("what the linter found is summed up at the end with its place", async () => {
  const lines = await shown("28c-warn");
  const from = lines.findIndex((line) => /^! \d warnings$/.test(line));
  expect(from).toBeGreaterThan(0);
  expect(lines[from + 1]).toBe("  Dockerfile.warn:1  StageNameCasing: Stage name 'Base' should be lowercase");
});

test("a step's block lasts: another one is heard after about five seconds, not at its every line", () => {
  const { output, clock, renderer } = plain();
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN a")] });
  clock.advance(200);
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:b", "RUN b")] });
  for (let second = 1; second <= 20; second += 1) {
    renderer.update(undefined, log("sha256:a", second, `a ${second}\n`));
    renderer.update(undefined, log("sha256:b", second, `b ${second}\n`));
    clock.advance(1000);
  }
  const blocks = output.lines.filter((line) => /^#\d+ RUN/.test(line)).length;
  expect(blocks).toBeGreaterThan(2);
  expect(blocks).toBeLessThan(8);
  for (const step of ["a", "b"]) {
    expect(
      output.lines.flatMap((line) => new RegExp(` ${step} (\\d+)$`).exec(line)?.[1] ?? []).map(Number),
    ).toEqual(
      Array.from({ length: 20 }, (_, second) => second + 1).slice(
        0,
        output.lines.filter((line) => line.includes(` ${step} `)).length,
      ),
    );
  }
});

test("a step that waits for its turn with a megabyte of output gets it at once", () => {
  const { output, clock, renderer } = plain();
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN a")] });
  clock.advance(200);
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:b", "RUN b")] });
  for (let chunk = 0; chunk < 50; chunk += 1)
    renderer.update(undefined, log("sha256:b", 1, `${"x".repeat(99)}\n`.repeat(400)));
  clock.advance(200);
  expect(output.text).toContain("#2 RUN b\n#2 1.000 xxx");
});

test("a line without an end is shown after a second, and goes on where it was", () => {
  const { output, clock, renderer } = plain();
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN make")] });
  clock.advance(500);
  renderer.update(undefined, log("sha256:a", 0.5, "compiling... "));
  clock.advance(400);
  expect(output.text).not.toContain("compiling");
  clock.advance(1000);
  expect(output.text.endsWith("#1 0.500 compiling... ")).toBe(true);
  renderer.update(undefined, log("sha256:a", 2, "ok\nnext\n"));
  clock.advance(1000);
  expect(output.text.endsWith("#1 0.500 compiling... ok\n#1 2.000 next\n")).toBe(true);
});

test("several builds have one numbering, and their names in front of the steps", () => {
  const { output, clock, renderer } = plain();
  renderer.update("web", {
    ...empty,
    vertexes: [{ ...running("sha256:a", "[deps 2/4] RUN npm ci"), completed: at(1) }],
  });
  clock.advance(200);
  renderer.update("api", {
    ...empty,
    vertexes: [{ ...running("sha256:a", "exporting to image"), completed: at(2) }],
  });
  clock.advance(200);
  renderer.note("api", "starting");
  renderer.warn("api", "no such cache");
  renderer.finish("web", { kind: "built", sent: { files: 2, bytes: 1500 } });
  renderer.finish("api", { kind: "reused" });
  expect(output.lines).toEqual([
    "#1 [web deps 2/4] RUN npm ci",
    "#1 DONE 1.0s",
    "",
    "#2 [api] exporting to image",
    "#2 DONE 2.0s",
    "",
    "[api] starting",
    "",
    "[api] WARN: no such cache",
    "",
    "[web] built in 0.4 s, 0 of 1 steps cached, 2 files (1.5 kB) sent",
    "",
    "[api] same inputs as before: reused, not built",
  ]);
});

test("a failure ends with the block that says what to do", () => {
  const { output, clock, renderer } = plain();
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "[2/2] RUN npm ci")] });
  clock.advance(200);
  renderer.update(undefined, log("sha256:a", 1, "npm error out of sync\n"));
  renderer.update(undefined, {
    ...empty,
    vertexes: [{ ...running("sha256:a", "[2/2] RUN npm ci"), completed: at(2), error: "exit code: 1" }],
  });
  const failure = {
    vertex: "sha256:a",
    dockerfile: { name: "Dockerfile", excerpt: [{ line: 5, text: "RUN npm ci", failed: true }] },
  };
  renderer.finish(undefined, {
    kind: "failed",
    error: new BuildKitError("step_failed", "npm ci exited with 1", {
      failure,
      hint: "Commit package-lock.json.",
    }),
  });
  expect(output.lines.slice(-9)).toEqual([
    "#1 ERROR: exit code: 1",
    "",
    "✕ npm ci exited with 1",
    "  Dockerfile:5",
    "  ❯ 5 │ RUN npm ci   ← failed after 2.0 s",
    "",
    "  │ npm error out of sync",
    "",
    "  What to do: Commit package-lock.json.",
  ]);
});

test("hostile names and lines do not reach the terminal as they are", () => {
  const { output, clock, renderer } = plain(true);
  const name = `RUN \u001b]0;owned\u0007x\n#99 DONE 0.0s${"y".repeat(10_000)}`;
  renderer.update("we\u001b[2Jb", { ...empty, vertexes: [running("sha256:a", name)] });
  clock.advance(200);
  renderer.update("we\u001b[2Jb", log("sha256:a", 1, "\u001b[1A\u001b[32mok\u001b[0m\u001b[K\rover\n"));
  renderer.update("we\u001b[2Jb", {
    ...empty,
    statuses: [{ id: "sha\u001b[H", vertex: "sha256:a", current: 1, timestamp: at(1), started: at(0) }],
  });
  clock.advance(200);
  for (const line of output.lines) expect(isTerminalSafe(line.replace(/\u001b\[[0-9;]*m/g, ""))).toBe(true);
  expect(output.lines.filter((line) => line.startsWith("#99"))).toEqual([]);
  expect(Math.max(...output.lines.map(({ length }) => length))).toBeLessThan(1200);
});

test("while the reader has stopped, memory stays bounded, and later a line says what is missing", async () => {
  const { output, clock, renderer } = plain();
  output.ready = false;
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN yes")] });
  const chunk = `${"x".repeat(99)}\n`.repeat(300);
  for (let round = 0; round < 2000; round += 1) {
    renderer.update(undefined, log("sha256:a", 1, chunk));
    if (round % 20 === 0) clock.advance(100);
  }
  output.drain();
  renderer.update(undefined, {
    ...empty,
    vertexes: [{ ...running("sha256:a", "RUN yes"), completed: at(3) }],
  });
  renderer.finish(undefined, { kind: "built" });
  await renderer.close();
  expect(output.text.length).toBeLessThan(20_000_000);
  expect(output.lines.at(-1)).toBe("#1 DONE 3.0s");
  const [, leftOut = "0"] = /clipped, (\d+) lines left out/.exec(output.text) ?? [];
  expect(Number(leftOut) + output.lines.filter((line) => line.endsWith("xxx")).length).toBe(600_000);
});

test.each(["plain", "rawjson", "json"] as const)(
  "a caller that waits for a slow reader loses no line of %s",
  async (mode) => {
    const output = new TestOutput();
    const clock = new TestClock(start);
    const renderer = createRenderer({ mode, output, clock, color: false });
    output.ready = false;
    void renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN yes")] });
    let waits = 0;
    for (let round = 0; round < 1000; round += 1) {
      const lines = Array.from({ length: 300 }, (_, at) => `line-${round * 300 + at} ${"x".repeat(80)}\n`);
      const wait = renderer.update(undefined, log("sha256:a", 1, lines.join("")));
      if (round % 20 === 0) clock.advance(100);
      if (wait === undefined) continue;
      waits++;
      output.drain();
      await wait;
      output.ready = false;
    }
    output.drain();
    void renderer.update(undefined, {
      ...empty,
      vertexes: [{ ...running("sha256:a", "RUN yes"), completed: at(3) }],
    });
    renderer.finish(undefined, { kind: "built" });
    await renderer.close();
    expect(waits).toBeGreaterThan(3);
    const text = mode === "rawjson" ? rawText(output.text) : output.text;
    const seen = [...text.matchAll(/line-(\d+)/g)].map(([, line]) => Number(line));
    expect(seen).toHaveLength(300_000);
    expect(seen.every((line, index) => line === index)).toBe(true);
  },
);

function rawText(json: string): string {
  return json
    .trimEnd()
    .split("\n")
    .flatMap((line) => (JSON.parse(line).logs ?? []) as { data: string }[])
    .map(({ data }) => Buffer.from(data, "base64").toString())
    .join("");
}
