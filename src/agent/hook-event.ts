import type { DeploymentEvent } from "../events/index.js";
import type { HookEvent } from "../preview/index.js";

/** Characters of a command that are told. */
const MAX_COMMAND = 1_000;

/** What is told of a hook. */
export function hookEvent(event: HookEvent): DeploymentEvent {
  const { hook, type } = event;
  if (type === "log") return { type: "hook.log", hook, lines: event.lines.map((line) => ({ ...line })) };
  const common = {
    type: "hook.state",
    hook,
    command: event.command.join(" ").slice(0, MAX_COMMAND),
  } as const;
  if (type === "started") return { ...common, state: "running", exitCode: null, duration: null };
  const { exitCode, duration } = event;
  return { ...common, state: exitCode === 0 ? "done" : "failed", exitCode, duration };
}
