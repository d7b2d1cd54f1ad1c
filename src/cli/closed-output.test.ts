import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { GalleyError } from "../errors/index.js";
import { isClosedOutput } from "./closed-output.js";
import { interruptSignal } from "./interrupt.js";
import { reportError } from "./report-error.js";

/** A process whose stdout and stderr may break. */
function fakeProcess() {
  const written: string[] = [];
  const stream = () =>
    Object.assign(new EventEmitter(), { write: (text: string) => void written.push(text) });
  const [stdout, stderr] = [stream(), stream()];
  const process = Object.assign(new EventEmitter(), { stdout, stderr, env: {}, exit: () => {} });
  return { process: process as unknown as NodeJS.Process, stdout, stderr, written };
}
const broken = (code: string) => Object.assign(new Error(`write ${code}`), { code });

test("a reader that goes away ends a command in order, with the exit code of SIGPIPE and without a word", () => {
  for (const which of ["stdout", "stderr"] as const) {
    const one = fakeProcess();
    const { signal, release } = interruptSignal(one.process);
    one[which].emit("error", broken("EPIPE"));
    one[which].emit("error", broken("EPIPE"));
    expect(isClosedOutput(signal.reason)).toBe(true);
    const report = { process: one.process, json: false, signal };
    expect(reportError(signal.reason, report)).toBe(141);
    expect(reportError(new GalleyError("engine_error", "whatever broke because of that"), report)).toBe(141);
    expect(one.written).toEqual([]);
    release();
    expect(one[which].listenerCount("error")).toBe(0);
  }
});

test("a disk that is full is no reader that went away, and Ctrl-C neither", () => {
  const { process, stdout } = fakeProcess();
  const { signal, release } = interruptSignal(process);
  expect(() => stdout.emit("error", broken("ENOSPC"))).toThrow("ENOSPC");
  expect(signal.aborted).toBe(false);
  (process as unknown as EventEmitter).emit("SIGINT", "SIGINT");
  expect(isClosedOutput(signal.reason)).toBe(false);
  expect(reportError(signal.reason, { process, json: false, signal })).toBe(130);
  release();
});
