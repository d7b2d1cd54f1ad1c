import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { firewallScript, NO_IPTABLES, NO_RULES } from "./firewall-rules.js";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** Runs the script where the PATH has nothing but stand-ins of these names, each with its own script. */
function run(tools: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), "galley-firewall-"));
  folders.push(folder);
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  const env = { PATH: folder, OUT: join(folder, "out") };
  const { status } = spawnSync("/bin/sh", ["-c", firewallScript("10.213.0.0/16")], { env });
  const read = () => {
    try {
      return readFileSync(env.OUT, "utf8");
    } catch {
      return "";
    }
  };
  return { status, restored: read() };
}
const restore = 'while read -r line; do echo "$line" >> "$OUT"; done';

test("the rules are put in place in one go, with the ways to them where they are missing", () => {
  const { status, restored } = run({
    iptables: 'case "$*" in *-L*) exit 0;; *) exit 1;; esac',
    "iptables-restore": restore,
  });
  expect(status).toBe(0);
  const lines = restored.trim().split("\n");
  expect([lines[0], lines.at(-1)]).toEqual(["*filter", "COMMIT"]);
  expect(restored).toMatch(/^-I DOCKER-USER 1 -s 10\.213\.0\.0\/16 -j GALLEY-F-[0-9a-f]{8}$/m);
  expect(restored).toMatch(/^-I INPUT 1 -s 10\.213\.0\.0\/16 -j GALLEY-I-[0-9a-f]{8}$/m);
});

test("a way that is there is not made twice", () => {
  const { restored } = run({ iptables: "exit 0", "iptables-restore": restore });
  expect(restored).not.toContain("-I ");
  expect(restored).toContain("-d 10.213.0.0/16 -j DROP");
});

test("of two kinds of iptables it is the one that the engine uses", () => {
  const { status, restored } = run({
    iptables: "exit 1",
    "iptables-nft": "exit 1",
    "iptables-legacy": "exit 0",
    "iptables-legacy-restore": restore,
  });
  expect([status, restored.length > 0]).toEqual([0, true]);
});

test("a machine without iptables, and one whose engine keeps no rules, are told apart", () => {
  expect(run({}).status).toBe(NO_IPTABLES);
  expect(run({ iptables: "exit 1" }).status).toBe(NO_RULES);
});

test("two pools have chains of their own", () => {
  const chains = (pool: string) => firewallScript(pool).match(/GALLEY-[FI]-[0-9a-f]{8}/g);
  expect(chains("10.213.0.0/16")?.[0]).not.toBe(chains("10.214.0.0/16")?.[0]);
});
