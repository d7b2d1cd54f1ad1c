import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import type { Layout } from "./layout.js";

const stateSchema = z.object({
  /** The `galley up` itself. */
  pid: z.int(),
  children: z.array(z.int()),
  ports: z.object({ server: z.int(), bus: z.int(), ingress: z.int() }),
  /** What chose the engine, as variables, and what ran the bus: absent in a directory of a version that did not note them. */
  engine: z.record(z.string(), z.string()).optional(),
  natsServer: z.string().optional(),
});
export type RunState = z.infer<typeof stateSchema>;

const stateFile = ({ root }: Layout) => join(root, "running.json");

/** What the last run has left behind; undefined when there was none, or nobody can tell. */
export function readRunState(layout: Layout): RunState | undefined {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(stateFile(layout), "utf8")));
  } catch {
    return undefined;
  }
}

export function writeRunState(layout: Layout, state: RunState): void {
  writeFileSync(stateFile(layout), `${JSON.stringify(state)}\n`, { mode: 0o600 });
}

/** After an orderly end: the ports are kept, so that URLs are the same the next time, and where the previews are, so that they are found. */
export function noteEnded(layout: Layout, state: RunState): void {
  writeRunState(layout, { ...state, pid: 0, children: [] });
}

/** Whether the `galley up` of this state is alive. */
export const isRunning = (layout: Layout, { pid }: RunState): boolean => belongs(pid, layout);

/**
 * Ends what a `galley up` that was killed has left running on this layout. Throws `conflict` when it still runs. Only processes
 * whose command line names this layout, or whose environment does, are touched: ids are given anew after a restart of the machine.
 */
export async function endLeftovers(layout: Layout, state: RunState, signal: AbortSignal): Promise<void> {
  if (isRunning(layout, state))
    throw new GalleyError("conflict", `Galley runs already, as process ${state.pid}.`, {
      hint: `Stop it with Ctrl-C there (or kill ${state.pid}), or give this one another --data-dir.`,
    });
  const left = state.children.filter((pid) => belongs(pid, layout));
  for (const pid of left) tryKill(pid, "SIGTERM");
  const deadline = Date.now() + 15_000;
  while (left.some((pid) => belongs(pid, layout)) && Date.now() < deadline)
    await delay(100, undefined, { signal });
  for (const pid of left.filter((pid) => belongs(pid, layout))) tryKill(pid, "SIGKILL");
}

/** Whether the process is one of this layout's. Where there is no /proc nothing is known, and nothing is ended. */
function belongs(pid: number, layout: Layout): boolean {
  if (pid <= 1 || pid === process.pid) return false;
  return ["cmdline", "environ"].some((file) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "latin1").includes(layout.root);
    } catch {
      return false;
    }
  });
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone meanwhile
  }
}
