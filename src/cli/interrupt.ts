import { onClosedOutput } from "./closed-output.js";

/**
 * An AbortSignal of Ctrl-C, SIGTERM and of output that nobody reads any more. The first one asks for an orderly end (the solve is cancelled, files are removed);
 * a second one ends the process at once.
 */
export function interruptSignal(process: NodeJS.Process): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error(`interrupted by ${name}`));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const deaf = onClosedOutput(process, (reason) => controller.abort(reason));
  // Neither a signal handler nor a deadline keeps Node running: without this, a command that waits for nothing else would end in
  // the middle of its work.
  const alive = setInterval(() => {}, 2 ** 30);
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      deaf();
      clearInterval(alive);
    },
  };
}
