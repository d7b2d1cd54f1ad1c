import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { behindGate, gateCheck, gateProgram } from "./gate.js";

const runnable = process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64");

test.runIf(runnable)("the program succeeds only while its file is there and may be executed", () => {
  const folder = mkdtempSync(join(tmpdir(), "galley-gate-"));
  try {
    const [program, file] = [join(folder, "gate"), join(folder, "open")];
    const architecture = process.arch === "x64" ? "amd64" : "arm64";
    writeFileSync(program, gateProgram(architecture, file) ?? "", { mode: 0o755 });
    const status = () => spawnSync(program).status;
    expect(status()).toBe(1);
    writeFileSync(file, "", { mode: 0o444 });
    expect(status()).toBe(1);
    chmodSync(file, 0o555);
    expect(status()).toBe(0);
    chmodSync(file, 0o444);
    expect(status()).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.runIf(runnable)(
  "behind an open gate the service's own check is asked: by its path or looked up, with its arguments, variables and exit code",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "galley-gate-"));
    try {
      const [program, file, own, far] = [
        join(folder, "gate"),
        join(folder, "open"),
        join(folder, "own"),
        "far",
      ];
      writeFileSync(program, gateProgram(process.arch === "x64" ? "amd64" : "arm64", file) ?? "", {
        mode: 0o755,
      });
      writeFileSync(own, '#!/bin/sh\necho "$0 $#: $1, $WORD"\nexit 7\n', { mode: 0o755 });
      const run = (args: string[], env: Record<string, string> = {}) => {
        const { status, stdout } = spawnSync(program, args, { env: { WORD: "ahoy", ...env }, cwd: "/" });
        return [status, stdout.toString().trim()];
      };
      expect(run([own, "x"])).toEqual([1, ""]);
      writeFileSync(file, "", { mode: 0o555 });
      expect(run([])).toEqual([0, ""]);
      expect(run([own, "a b", ""])).toEqual([7, `${own} 2: a b, ahoy`]);
      // The last directory, after one that is not there and one that is empty.
      writeFileSync(join(folder, far), "#!/bin/sh\nexit 3\n", { mode: 0o755 });
      for (const PATH of [folder, `/nowhere::${folder}`, `${folder}:/nowhere`])
        expect(run([far], { PATH, PATHS: "/x" }), PATH).toEqual([3, ""]);
      expect(run(["/bin/sh", "-c", "exit 0"])).toEqual([0, ""]);
      expect(run([far], { PATH: "/nowhere" })).toEqual([127, ""]);
      expect(run([far], { PATH: "" })).toEqual([127, ""]);
      expect(run([far])).toEqual([127, ""]);
      expect(run(["/nowhere/x"])).toEqual([127, ""]);
      expect(run([`./${far}`], { PATH: folder })).toEqual([127, ""]);
      const long = "x".repeat(100_000);
      expect(run([long], { PATH: long })).toEqual([127, ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

test("both machines that engines run on have a program of a few hundred bytes, others none", () => {
  for (const [architecture, machine] of [
    ["amd64", 62],
    ["arm64", 183],
  ] as const) {
    const program = gateProgram(architecture);
    expect(program?.readUInt16LE(18)).toBe(machine);
    expect(program?.length).toBeLessThan(500);
  }
  expect(gateProgram("s390x")).toBeUndefined();
});

test("engines that know a rhythm for the start look each second then and seldom later, older ones always at the same pace", () => {
  expect(gateCheck("1.45")).toMatchObject({ startIntervalSeconds: 1, intervalSeconds: 3_600 });
  const old = gateCheck("1.41");
  expect(old.startIntervalSeconds).toBeUndefined();
  expect(old.intervalSeconds).toBe(5);
});

test("a service's own check is asked behind the gate at its own pace, by its own words, and found there again", () => {
  const own = {
    test: ["CMD-SHELL", "curl -f localhost || exit 1"],
    intervalSeconds: 90,
    timeoutSeconds: 7,
    startPeriodSeconds: 5,
    retries: 9,
  };
  const check = gateCheck("1.44", own);
  expect(check).toMatchObject({
    intervalSeconds: 90,
    startIntervalSeconds: 1,
    timeoutSeconds: 7,
    startPeriodSeconds: 86_400,
    retries: 9,
  });
  expect(behindGate(check.test)).toEqual(["/bin/sh", "-c", "curl -f localhost || exit 1"]);
  expect(behindGate(gateCheck("1.41", { test: ["CMD", "ready", "-q"] }).test)).toEqual(["ready", "-q"]);
  expect(gateCheck("1.44", { test: ["CMD", "ready"] }).intervalSeconds).toBe(30);
  // An engine without a rhythm for the start would take half a minute to see the gate open.
  expect(gateCheck("1.41", own).intervalSeconds).toBe(5);
  expect(gateCheck("1.41", { ...own, intervalSeconds: 2 }).intervalSeconds).toBe(2);
  for (const test of [gateCheck("1.44").test, ["CMD", "ready"], ["NONE"], []])
    expect(behindGate(test)).toEqual([]);
});
