import { expect, test } from "vitest";
import { recorded, recordings, replay, TestClock } from "../../../test/progress/recorded.js";
import { VirtualTerminal } from "../../../test/progress/virtual-terminal.js";
import { BuildKitError } from "../errors.js";
import { cellWidth } from "./cell-width.js";
import { TtyRenderer } from "./tty.js";
import type { SolveStatus, Vertex } from "./types.js";

const empty: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };
const start = Date.parse("2026-11-22T17:00:00Z");
const at = (second: number) => new Date(start + second * 1000).toISOString();
const running = (digest: string, name: string, second = 0): Vertex => ({ digest, name, started: at(second) });
const done = (digest: string, name: string, from = 0, to = 1): Vertex => ({
  digest,
  name,
  started: at(from),
  completed: at(to),
});
const log = (vertex: string, text: string): SolveStatus => ({
  ...empty,
  logs: [{ vertex, stream: 1, data: Buffer.from(text), timestamp: at(1) }],
});

function tty(columns = 80, rows = 24, color = false) {
  const terminal = new VirtualTerminal(columns, rows);
  const clock = new TestClock(start);
  return { terminal, clock, renderer: new TtyRenderer({ output: terminal, clock, color }) };
}

test("a running build shows its steps, what the running one prints, and the time", () => {
  const { terminal, clock, renderer } = tty(60);
  renderer.update(undefined, {
    ...empty,
    vertexes: [
      done("sha256:a", "[1/3] FROM node", 0, 0.4),
      running("sha256:b", "[2/3] RUN npm ci"),
      { digest: "sha256:c", name: "[3/3] COPY . ." },
    ],
  });
  renderer.update(undefined, log("sha256:b", "npm http fetch 1\nnpm http fetch 2\n\nhalf a li"));
  clock.advance(8200);
  expect(terminal.screen).toEqual([
    "● Building  1 of 3 steps                              8.2 s",
    "  ✓ [1/3] FROM node                                   0.4 s",
    "  ● [2/3] RUN npm ci                                  8.2 s",
    "    │ npm http fetch 1",
    "    │ npm http fetch 2",
    "    │ half a li",
  ]);
  expect(terminal.cursorVisible).toBe(false);
});

test("a transfer shows its bytes and a bar, and is gone when it is over", () => {
  const { terminal, clock, renderer } = tty(80);
  const layer = {
    id: `sha256:${"a".repeat(64)}`,
    vertex: "sha256:f",
    current: 12_000_000,
    total: 48_000_000,
    timestamp: at(2),
    started: at(0),
  };
  renderer.update(undefined, {
    ...empty,
    vertexes: [running("sha256:f", "[1/2] FROM node")],
    statuses: [layer],
  });
  clock.advance(2000);
  expect(terminal.screen[2]).toMatch(/^ {4}↓ sha256:aaaaaaaaaaaa +━━━━─{12} +12\.0 MB \/ 48\.0 MB +2\.0 s$/);
  renderer.update(undefined, {
    ...empty,
    vertexes: [done("sha256:f", "[1/2] FROM node", 0, 4)],
    statuses: [{ ...layer, current: 48_000_000, completed: at(4) }],
  });
  clock.advance(2000);
  expect(terminal.screen.slice(1)).toEqual([
    expect.stringMatching(/^ {2}✓ \[1\/2\] FROM node +48\.0 MB {5}4\.0 s$/),
  ]);
});

test.each(recordings)("%s ends with every step on its own row, and the terminal as it was", async (name) => {
  const { terminal, clock, renderer } = tty(100, 12, true);
  const messages = recorded(name);
  replay(messages, clock, (status) => renderer.update(undefined, status));
  renderer.finish(undefined, { kind: "built", image: "sha256:x" });
  await renderer.close();
  expect(terminal.cursorVisible).toBe(true);
  expect(terminal.autoWrap).toBe(true);
  expect(clock.running).toBe(0);
  expect(terminal.listenerCount("resize")).toBe(0);
  const rows = terminal.history;
  const names = new Set(
    messages.flatMap(({ vertexes }) =>
      vertexes.filter(({ started }) => started).map((of) => of.progressGroup?.name ?? of.name),
    ),
  );
  for (const of of names) {
    const shown = of.replaceAll("\n", " ").slice(0, 40);
    expect(
      rows.filter((row) => row.slice(4).startsWith(shown)),
      shown,
    ).not.toEqual([]);
  }
  expect(rows.filter((row) => /^[✓✕◌●]/u.test(row))).toHaveLength(1);
  expect(rows[0]).toMatch(/^✓ Built {2}\d+ of \d+ steps/);
});

test("the last picture replaces the live one: nothing of it stays above or below", async () => {
  const { terminal, clock, renderer } = tty(60, 10);
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN seq 100")] });
  for (let line = 0; line < 100; line += 1) {
    renderer.update(undefined, log("sha256:a", `${line}\n`));
    clock.advance(50);
  }
  expect(terminal.screen).toHaveLength(8);
  renderer.update(undefined, { ...empty, vertexes: [done("sha256:a", "RUN seq 100", 0, 5)] });
  renderer.finish(undefined, { kind: "built" });
  await renderer.close();
  expect(terminal.history).toEqual([
    "✓ Built  1 of 1 steps                                 5.0 s",
    "  ✓ RUN seq 100                                       5.0 s",
  ]);
});

test("with more steps than rows, those that run stay, and a row says how many are not shown", () => {
  const { terminal, clock, renderer } = tty(60, 10);
  const steps = Array.from({ length: 500 }, (_, index) =>
    index === 3 ? running("sha256:3", "[slow] RUN sleep") : done(`sha256:${index}`, `[step ${index}] RUN x`),
  );
  renderer.update(undefined, { ...empty, vertexes: steps });
  renderer.update(undefined, log("sha256:3", "still here\n"));
  clock.advance(1000);
  expect(terminal.history).toHaveLength(9);
  expect(terminal.screen[0]).toMatch(/^● Building {2}499 of 500 steps/);
  expect(terminal.screen[1]).toBe("  ⋮ 494 more steps");
  expect(terminal.screen.slice(2, 4)).toEqual([
    expect.stringContaining("● [slow] RUN sleep"),
    "    │ still here",
  ]);
  expect(terminal.screen.at(-1)).toContain("[step 499]");
});

test("many steps at once share the rows, and none is pushed out by the log of another", () => {
  const { terminal, clock, renderer } = tty(60, 14);
  for (const step of ["a", "b", "c"]) {
    renderer.update(undefined, { ...empty, vertexes: [running(`sha256:${step}`, `RUN ${step}`)] });
    renderer.update(
      undefined,
      log(`sha256:${step}`, Array.from({ length: 20 }, (_, line) => `${step} ${line}\n`).join("")),
    );
  }
  clock.advance(100);
  expect(terminal.screen.map((row) => row.trim().split("  ")[0])).toEqual([
    "● Building",
    "● RUN a",
    "│ a 17",
    "│ a 18",
    "│ a 19",
    "● RUN b",
    "│ b 17",
    "│ b 18",
    "│ b 19",
    "● RUN c",
    "│ c 17",
    "│ c 18",
    "│ c 19",
  ]);
});

test.each([
  [100, 40],
  [80, 24],
  [33, 7],
  [20, 4],
  [8, 3],
  [2, 2],
])("on a terminal of %i by %i nothing wraps or scrolls", (columns, rows) => {
  const { terminal, clock, renderer } = tty(columns, rows);
  replay(recorded("28c-basic"), clock, (status) => {
    renderer.update("web", status);
    renderer.update("支付服务", status);
    renderer.update("👩‍👩‍👧 e\u0301", log("sha256:x", "支付服务\n"));
  });
  clock.advance(1000);
  expect(terminal.history.length).toBeLessThan(rows);
  for (const row of terminal.history) expect(cellWidth(row)).toBeLessThan(columns);
});

test("after a resize a person sees one picture of the new size, whichever way it went", () => {
  const { terminal, clock, renderer } = tty(100, 30);
  renderer.update("web", {
    ...empty,
    vertexes: [
      done("sha256:a", "[1/3] FROM node"),
      running("sha256:b", `[2/3] RUN ${"npm ci && ".repeat(20)}`),
    ],
  });
  renderer.update("web", log("sha256:b", "one\ntwo\n"));
  renderer.start("api");
  clock.advance(1000);
  for (const [columns, rows] of [
    [60, 30],
    [40, 30],
    [120, 30],
    [50, 25],
    [90, 40],
  ] as const) {
    terminal.resize(columns, rows);
    clock.advance(200);
    const shown = terminal.screen.filter((row) => row !== "");
    expect(
      shown.map((row) => row.trim().split(/ {2,}/)[0]?.slice(0, 11)),
      `${columns}x${rows}`,
    ).toEqual(["● Building", "● web", "✓ [1/3] FRO", "● [2/3] RUN", "│ one", "│ two", "○ api"]);
    for (const row of shown) expect(cellWidth(row)).toBeLessThan(columns);
  }
});

test("a terminal that became too small for the last picture is still left with a whole one", () => {
  const { terminal, clock, renderer } = tty(100, 30);
  renderer.update(undefined, {
    ...empty,
    vertexes: Array.from({ length: 20 }, (_, index) =>
      running(`sha256:${index}`, `RUN ${index} ${"x".repeat(200)}`),
    ),
  });
  clock.advance(1000);
  terminal.resize(30, 8);
  clock.advance(200);
  expect(terminal.screen).toHaveLength(7);
  expect(terminal.screen[0]).toContain("● Building");
  expect(terminal.screen.filter((row) => row.includes("Building"))).toHaveLength(1);
});

test("pictures are drawn ten times a second at most, each with one write, and not while the terminal is behind", () => {
  const { terminal, clock, renderer } = tty();
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN yes")] });
  for (let step = 0; step < 1000; step += 1) {
    renderer.update(undefined, log("sha256:a", "y\n"));
    clock.advance(1);
  }
  expect(terminal.writes).toBe(10);
  terminal.ready = false;
  clock.advance(100);
  const behind = terminal.writes;
  clock.advance(2000);
  expect(terminal.writes).toBe(behind);
  terminal.ready = true;
  terminal.emit("drain");
  clock.advance(100);
  expect(terminal.writes).toBe(behind + 1);
});

test("several services have a section each, in the order in which they came, and say how each ended", async () => {
  const { terminal, clock, renderer } = tty(70, 20);
  for (const service of ["web", "api", "worker", "db"]) renderer.start(service);
  renderer.update("web", { ...empty, vertexes: [running("sha256:a", "[2/2] RUN npm ci")] });
  renderer.update("api", { ...empty, vertexes: [{ ...done("sha256:b", "[1/1] FROM node"), cached: true }] });
  renderer.finish("api", { kind: "built" });
  renderer.note("api", "starting");
  renderer.finish("worker", { kind: "reused" });
  renderer.note("db", "pulling");
  clock.advance(2000);
  expect(terminal.screen).toEqual([
    "● Building  2 of 4 done                                         2.0 s",
    "  ● web     building  0 of 1 steps                              2.0 s",
    "    ● [2/2] RUN npm ci                                          2.0 s",
    "  ✓ api     built     starting  1 of 1 steps cached",
    "  ✓ worker  reused",
    "  ○ db      waiting   pulling",
  ]);
  renderer.finish("web", {
    kind: "failed",
    error: new BuildKitError("step_failed", "npm ci exited with 1", { hint: "Look." }),
  });
  renderer.finish("db", { kind: "cancelled" });
  await renderer.close();
  expect(terminal.history).toEqual([
    "✕ Finished  4 of 4 done, 1 failed                               2.0 s",
    "  ✕ web     failed    npm ci exited with 1                      2.0 s",
    "  ✓ api     built     starting  1 of 1 steps cached",
    "  ✓ worker  reused",
    "  ◌ db      cancelled pulling",
    "",
    "✕ web could not be built: npm ci exited with 1",
    "",
    "  What to do: Look.",
  ]);
});

test("after a failure comes the whole log of the step, not only its end", async () => {
  const { terminal, clock, renderer } = tty(60, 10);
  renderer.update(undefined, { ...empty, vertexes: [running("sha256:a", "RUN test")] });
  renderer.update(
    undefined,
    log("sha256:a", Array.from({ length: 120 }, (_, line) => `line ${line}\n`).join("")),
  );
  renderer.update(undefined, {
    ...empty,
    vertexes: [{ ...done("sha256:a", "RUN test", 0, 2), error: "exit code: 1" }],
  });
  clock.advance(100);
  const failure = { vertex: "sha256:a", step: "RUN test", logTail: ["line 119"] };
  renderer.finish(undefined, {
    kind: "failed",
    error: new BuildKitError("step_failed", "test exited with 1", { failure }),
  });
  await renderer.close();
  expect(terminal.history.slice(0, 6)).toEqual([
    expect.stringMatching(/^✕ Failed {2}1 of 1 steps/),
    expect.stringMatching(/^ {2}✕ RUN test +failed 2\.0 s$/),
    "",
    "✕ test exited with 1",
    "  at RUN test",
    "",
  ]);
  expect(terminal.history.filter((row) => /^ {2}│ line \d+$/.test(row))).toHaveLength(120);
});

test("what steps print cannot act on the terminal, and colours do not run out of their row", () => {
  const { terminal, clock, renderer } = tty(60, 10, true);
  renderer.update(undefined, {
    ...empty,
    vertexes: [running("sha256:a", "RUN \u001b]0;owned\u0007evil\u001b[2J")],
  });
  renderer.update(
    undefined,
    log("sha256:a", "\u001b[2J\u001b[H\u001b[41mred\u001b[10;10Hx\n\u001b[?1049h\u001bc ok\n"),
  );
  renderer.note(undefined, "\u001b[2Jnote");
  clock.advance(100);
  expect(terminal.screen.slice(1)).toEqual([
    expect.stringMatching(/^ {2}● RUN evil/),
    "    │ redx",
    "    │  ok",
  ]);
  expect(terminal.screen[0]).toContain("note");
});

test("a warning from outside of the build is told once, after the last picture", async () => {
  const { terminal, clock, renderer } = tty(60, 10);
  renderer.warn(undefined, "the cache directory is not there");
  renderer.warn(undefined, "the cache directory is not there");
  clock.advance(1000);
  renderer.finish(undefined, { kind: "built" });
  await renderer.close();
  expect(terminal.history.slice(1)).toEqual(["", "! the cache directory is not there"]);
});

test("the last picture has no log rows, not even of a failed step that ended within a line", async () => {
  const { terminal, renderer } = tty(60, 10);
  renderer.update(undefined, {
    ...empty,
    vertexes: [{ ...done("sha256:a", "RUN x"), error: "exit code: 1" }],
  });
  renderer.update(undefined, log("sha256:a", "no end"));
  renderer.finish(undefined, { kind: "cancelled" });
  await renderer.close();
  expect(terminal.history).toHaveLength(2);
});

test("what was made is told under the last picture", async () => {
  const { terminal, renderer } = tty(60, 10);
  renderer.update(undefined, { ...empty, vertexes: [done("sha256:a", "RUN x")] });
  renderer.finish(undefined, { kind: "built", names: ["shop:dev", "shop:1"], image: "sha256:abc" });
  await renderer.close();
  expect(terminal.history.slice(2)).toEqual(["  → shop:dev  shop:1  sha256:abc"]);
});

test("what had to be sent is told in the end, also when it is nothing", async () => {
  for (const [sent, told] of [
    [{ files: 1, bytes: 5 }, "1 of 1 steps, 1 file (5 B) sent"],
    [{ files: 20_000, bytes: 1_234_567 }, "1 of 1 steps, 20000 files (1.2 MB) sent"],
    [{ files: 0, bytes: 0 }, "1 of 1 steps, nothing sent"],
  ] as const) {
    const { terminal, renderer } = tty(80, 10);
    renderer.update(undefined, { ...empty, vertexes: [done("sha256:a", "RUN x")] });
    renderer.finish(undefined, { kind: "built", sent });
    await renderer.close();
    expect(terminal.history[0]).toContain(told);
  }
});

test("without a single message the terminal is not touched", async () => {
  const { terminal, clock, renderer } = tty();
  clock.advance(5000);
  await renderer.close();
  expect(terminal.writes).toBe(0);
});

test("when the process ends without a close, the cursor comes back", () => {
  const terminal = new VirtualTerminal();
  const clock = new TestClock(start);
  let exit = () => {};
  const renderer = new TtyRenderer({
    output: terminal,
    clock,
    color: false,
    onExit: (restore) => {
      exit = restore;
      return () => {};
    },
  });
  renderer.start(undefined);
  clock.advance(100);
  expect(terminal.cursorVisible).toBe(false);
  exit();
  expect(terminal.cursorVisible).toBe(true);
});
