/**
 * An AbortSignal of Ctrl-C and SIGTERM. The first one asks for an orderly end (the solve is cancelled, files are removed);
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
  return {
    signal: controller.signal,
    release: () => {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
    },
  };
}
