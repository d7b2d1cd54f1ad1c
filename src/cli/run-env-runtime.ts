import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { inUnits } from "./ago.js";
import { statsAnswer } from "./api/answers.js";
import { followRuntime } from "./api/follow-runtime.js";
import { runtimeLines } from "./api/runtime-lines.js";
import { exitCode } from "./exit-codes.js";
import { findEnvironment } from "./find-deployment.js";
import { drained } from "./follow/drained.js";
import { LogLines } from "./follow/log-lines.js";
import { print } from "./print.js";
import { hasColor, table } from "./table.js";
import { toneOf } from "./tones.js";
import { usageError } from "./usage-error.js";
import { withServer } from "./with-server.js";

export interface RuntimeLogsFlags {
  service?: string;
  since?: string;
  tail?: string;
  follow?: boolean;
  json?: boolean;
}

/** Runs `galley env logs --runtime` and returns the exit code. */
export function runRuntimeLogs(
  name: string,
  flags: RuntimeLogsFlags,
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api, signal }) => {
    const { stdout, env } = process;
    if (flags.tail !== undefined && !/^\d{1,5}$/.test(flags.tail))
      throw usageError(`--tail ${flags.tail}: not a number of lines`);
    const { id } = await findEnvironment(api, name);
    const lines = new LogLines({
      service: flags.service,
      json: flags.json === true,
      color: hasColor(stdout, env),
    });
    const { service, since, tail, follow = false } = flags;
    const question = { environment: id, service, since, tail, follow };
    const say = (text: string) => void process.stderr.write(`${text}\n`);
    const all = follow
      ? followRuntime(question, {
          lines: (asked, onOpen) => runtimeLines(api, asked, signal, onOpen),
          onLost: (error) => say(`${error.message} Trying to go on with the log…`),
          onBack: () => say("The log goes on with what was printed meanwhile."),
          signal,
        })
      : runtimeLines(api, question, signal);
    for await (const line of all) {
      // Waits for a reader who is slower than the network.
      if (!stdout.write(lines.format(line))) await drained(stdout, signal);
    }
    return exitCode.ok;
  });
}

/** Milliseconds between two measurements on a terminal; each takes a second. */
const refreshMs = 1_000;

/** Runs `galley env stats` and returns the exit code. */
export function runEnvStats(
  name: string,
  flags: { once?: boolean; json?: boolean },
  process: NodeJS.Process,
): Promise<number> {
  return withServer(process, flags, async ({ api, signal }) => {
    const { id } = await findEnvironment(api, name);
    const { stdout, env } = process;
    const refreshing = stdout.isTTY && !flags.json && !flags.once && env.TERM !== "dumb";
    for (let drawn = 0; ; ) {
      const { services } = await api.get(`/environments/${id}/stats`, statsAnswer);
      // The table before goes away: as many lines up, and everything below.
      if (drawn > 0) stdout.write(`\u001b[${drawn}A\u001b[J`);
      print(process, flags, services, (color) => statsTable(services, color));
      if (!refreshing) return exitCode.ok;
      drawn = services.length + 1;
      await delay(refreshMs, undefined, { signal });
    }
  });
}

type Stats = z.infer<typeof statsAnswer>["services"];

function statsTable(services: Stats, color: boolean): string {
  return table(
    ["SERVICE", "STATE", "CPU", "MEMORY", "LIMIT", "PROCESSES", "RESTARTS", "UP"],
    services.map((one) => {
      const state = one.health ?? (one.exitCode === null ? one.state : `${one.state} (${one.exitCode})`);
      return [
        { text: one.service, tone: "strong" },
        { text: state, tone: toneOf(one.health ?? one.state) },
        one.cpuPercent === null ? "-" : `${one.cpuPercent.toFixed(1)}%`,
        bytes(one.memory),
        bytes(one.memoryLimit),
        one.processes === null ? "-" : String(one.processes),
        String(one.restarts),
        one.uptimeSeconds === null ? "-" : inUnits(one.uptimeSeconds),
      ];
    }),
    color,
  );
}

function bytes(count: number | null): string {
  if (count === null) return "-";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let at = 0;
  let value = count;
  for (; value >= 1024 && at < units.length - 1; at += 1) value /= 1024;
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}
