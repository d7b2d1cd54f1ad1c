import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { natsServerAgain, natsServerOf } from "./nats-server.js";

test("The bus is what was asked for, else PATH's nats-server, else a container; a program that is not there is said.", () => {
  const folder = mkdtempSync(join(tmpdir(), "galley-nats-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = join(folder, "nats-server");
  const env = { PATH: `/nowhere:${folder}` };
  expect(natsServerOf(undefined, env)).toBe("docker");
  expect(() => natsServerOf("nats-server", env)).toThrow('no program "nats-server"');
  writeFileSync(program, "", { mode: 0o644 });
  expect(natsServerOf(undefined, env)).toBe("docker");
  expect(() => natsServerOf(program, env)).toThrow(expect.objectContaining({ code: "usage" }));
  writeFileSync(join(folder, "other"), "", { mode: 0o755 });
  expect(natsServerOf("other", env)).toBe("other");
  expect(natsServerOf(join(folder, "other"), {})).toBe(join(folder, "other"));
  expect(() => natsServerOf(folder, env)).toThrow("no program");
  rmSync(program);
  writeFileSync(program, "", { mode: 0o755 });
  expect(natsServerOf(undefined, env)).toBe("nats-server");
  for (const asked of ["docker", "docker:nats:2.10"]) expect(natsServerOf(asked, {})).toBe(asked);
});

test("What ran the bus the last time does it again, as long as it is there.", () => {
  const folder = mkdtempSync(join(tmpdir(), "galley-nats-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = join(folder, "nats-server");
  writeFileSync(program, "", { mode: 0o755 });
  expect(natsServerAgain(program, {})).toBe(program);
  expect(natsServerAgain("docker:nats:2.10", { PATH: folder })).toBe("docker:nats:2.10");
  rmSync(program);
  expect(natsServerAgain(program, {})).toBe("docker");
  expect(natsServerAgain(undefined, {})).toBe("docker");
});
