import { BuildKitClient } from "../buildkit/index.js";
import { dockerConnection } from "./docker-connection.js";
import { examine, type Finding, problem } from "./doctor-checks.js";
import { exitCode } from "./exit-codes.js";
import type { DoctorFlags } from "./flags/doctor-flags.js";
import { interruptSignal } from "./interrupt.js";

const marks = { ok: "✓", limited: "–", problem: "✕" } as const;
const colors = { ok: "\u001b[32m", limited: "\u001b[33m", problem: "\u001b[31m" } as const;

/** Runs `galley doctor` and returns the exit code. */
export async function runDoctor(flags: DoctorFlags, process: NodeJS.Process): Promise<number> {
  const { env, stdout } = process;
  const interrupt = interruptSignal(process);
  const findings: Finding[] = [];
  let client: BuildKitClient | undefined;
  try {
    client = await BuildKitClient.connect(flags.builder, {
      env,
      signal: interrupt.signal,
      timeoutMs: 15_000,
    });
    findings.push(
      ...(await examine(
        client,
        client.engine && (await dockerConnection(env, flags.builder).catch(() => undefined)),
        interrupt.signal,
      )),
    );
  } catch (error) {
    findings.push(problem("engine", error));
  } finally {
    client?.close();
    interrupt.release();
  }
  const broken = findings.some(({ state }) => state === "problem");
  if (flags.json) {
    stdout.write(`${JSON.stringify({ v: 1, ok: !broken, checks: findings }, null, 2)}\n`);
  } else {
    const color = Boolean(stdout.isTTY) && !env.NO_COLOR;
    stdout.write(table(findings, color));
    stdout.write(
      broken ? "\nSomething that builds need is missing, see ✕ above.\n" : "\nBuilds work here.\n",
    );
  }
  return broken ? exitCode.failed : exitCode.ok;
}

function table(findings: readonly Finding[], color: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  return findings
    .map(({ check, state, found, meaning }) => {
      const mark = color ? `${colors[state]}${marks[state]}\u001b[0m` : marks[state];
      const line = `${mark} ${check.padEnd(width)}  ${found}\n`;
      return meaning ? `${line}  ${" ".repeat(width)}  ${meaning}\n` : line;
    })
    .join("");
}
