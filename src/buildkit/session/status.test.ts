import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { BuildKitError } from "../errors.js";
import { RpcError } from "./service.js";
import { statusOf, statusTrailers, timeoutMs } from "./status.js";

test("percent-encodes everything but printable ASCII in the status message", () => {
  expect(statusTrailers(5, "50 % größer\n")).toEqual({
    "grpc-status": "5",
    "grpc-message": "50 %25 gr%C3%B6%C3%9Fer%0A",
  });
  expect(statusTrailers(0)).toEqual({ "grpc-status": "0" });
});

test("cuts a status message that no peer would take", () => {
  expect(statusTrailers(2, "x".repeat(1_000_000))["grpc-message"]?.length).toBe(4096);
});

test("quotes our own errors and those of system calls, and no others", async () => {
  expect(statusOf(new RpcError(5, "secret x: not found"))).toEqual({
    status: 5,
    message: "secret x: not found",
  });
  expect(statusOf(new BuildKitError("context_changed", "a.txt changed"))).toEqual({
    status: 2,
    message: "a.txt changed",
  });
  const missing: unknown = await readFile("/nonexistent/file").catch((error: unknown) => error);
  expect(statusOf(missing).message).toContain("ENOENT");
  expect(statusOf(new SyntaxError('Unexpected token h, "hunter2"')).message).not.toContain("hunter2");
  expect(statusOf("hunter2").message).not.toContain("hunter2");
});

test.each([
  ["15S", 15_000],
  ["2m", 2],
  ["1H", 3_600_000],
  ["3M", 180_000],
  ["1500u", 2],
  ["1n", 1],
  ["99999999H", undefined],
  ["", undefined],
  ["123456789S", undefined],
  ["5x", undefined],
  ["-1S", undefined],
  [undefined, undefined],
])("reads the grpc-timeout %s as %s ms", (value, ms) => {
  expect(timeoutMs(value)).toBe(ms);
});
