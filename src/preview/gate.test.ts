import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { gateCheck, gateProgram } from "./gate.js";

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

test("both machines that engines run on have a program of a few hundred bytes, others none", () => {
  for (const [architecture, machine] of [
    ["amd64", 62],
    ["arm64", 183],
  ] as const) {
    const program = gateProgram(architecture);
    expect(program?.readUInt16LE(18)).toBe(machine);
    expect(program?.length).toBeLessThan(300);
  }
  expect(gateProgram("s390x")).toBeUndefined();
});

test("engines that know a rhythm for the start look each second then and seldom later, older ones always at the same pace", () => {
  expect(gateCheck("1.45")).toMatchObject({ startIntervalSeconds: 1, intervalSeconds: 3_600 });
  const old = gateCheck("1.41");
  expect(old.startIntervalSeconds).toBeUndefined();
  expect(old.intervalSeconds).toBe(5);
});
