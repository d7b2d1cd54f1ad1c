import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { TestOutput } from "../../../test/progress/recorded.js";
import { openOutput } from "./output.js";
import { PacedWriter } from "./paced-writer.js";

type Stream = Parameters<typeof openOutput>[0];

test("what a slow reader has not taken waits, in order, and the close waits for it", async () => {
  const output = new TestOutput();
  const writer = new PacedWriter(output);
  output.ready = false;
  for (const text of ["a", "b", "c"]) writer.write(text);
  expect(output.text).toBe("a");
  expect(writer.blocked).toBe(true);
  let closed = false;
  const closing = writer.close().then(() => {
    closed = true;
  });
  await Promise.resolve();
  expect(closed).toBe(false);
  output.drain();
  await closing;
  expect(output.text).toBe("abc");
});

test("above the limit the writer is congested, far above it writes are dropped", () => {
  const output = new TestOutput();
  const writer = new PacedWriter(output, 100);
  output.ready = false;
  for (let round = 0; round < 1000; round += 1) writer.write("x".repeat(60));
  expect(writer.congested).toBe(true);
  output.drain();
  expect(writer.congested).toBe(false);
  expect(output.text.length).toBeLessThan(600);
});

test("whoever gives too much is told to wait until the reader has caught up", async () => {
  const output = new TestOutput();
  const writer = new PacedWriter(output);
  output.ready = false;
  writer.write("x");
  expect(writer.drained()).toBeUndefined();
  writer.write("x".repeat(2_000_000));
  let drained = false;
  const waiting = writer.drained()?.then(() => {
    drained = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(drained).toBe(false);
  output.drain();
  await waiting;
  expect(drained).toBe(true);
  expect(writer.drained()).toBeUndefined();
});

test("a reader that never comes back holds up the close until its signal", async () => {
  const output = new TestOutput();
  const writer = new PacedWriter(output);
  output.ready = false;
  writer.write("a");
  await writer.close(AbortSignal.abort());
  expect(output.text).toBe("a");
});

test("a file gets everything in order, written off the event loop", async () => {
  const folder = mkdtempSync(join(tmpdir(), "galley-output-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "log");
  const fd = openSync(path, "w");
  const writer = new PacedWriter(openOutput({ fd, isTTY: false } as unknown as Stream));
  const lines = Array.from({ length: 20_000 }, (_, line) => `line ${line} €\n`);
  for (const line of lines) writer.write(line);
  await writer.close();
  closeSync(fd);
  expect(readFileSync(path, "utf8")).toBe(lines.join(""));
});

test("a single line is out when the close resolves, so that the process may end at once", async () => {
  const folder = mkdtempSync(join(tmpdir(), "galley-output-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fd = openSync(join(folder, "log"), "w");
  const writer = new PacedWriter(openOutput({ fd, isTTY: false } as unknown as Stream));
  writer.write("one\n");
  expect(writer.blocked).toBe(true);
  await writer.close();
  expect(readFileSync(join(folder, "log"), "utf8")).toBe("one\n");
  closeSync(fd);
});

test("a pipe whose reader pauses stops neither the event loop nor loses anything", async () => {
  const folder = mkdtempSync(join(tmpdir(), "galley-output-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  // Open for both, so that neither end waits for the other to be opened.
  const fd = openSync(path, "r+");
  const writer = new PacedWriter(openOutput({ fd, isTTY: false } as unknown as Stream));
  const text = "x".repeat(99_999);
  for (let round = 0; round < 10; round += 1) writer.write(`${text}\n`);
  await new Promise((resolve) => setImmediate(resolve));
  expect(writer.blocked).toBe(true);
  const reader = createReadStream(path);
  let read = 0;
  reader.on("data", (chunk) => {
    read += chunk.length;
  });
  await writer.close();
  while (read < 1_000_000) await once(reader, "data");
  expect(read).toBe(1_000_000);
  reader.destroy();
  closeSync(fd);
});

test("an output that is gone is written to no more, and the close does not wait", async () => {
  const fd = openSync("/dev/full", "w");
  const output = openOutput({ fd, isTTY: false } as unknown as Stream);
  const writer = new PacedWriter(output);
  for (let round = 0; round < 100; round += 1) writer.write("x".repeat(10_000));
  await writer.close();
  expect(output.write("more")).toBe(true);
  closeSync(fd);
});

test("a terminal is used as it is", () => {
  const stream = { fd: 1, isTTY: true } as unknown as Stream;
  expect(openOutput(stream)).toBe(stream);
});
