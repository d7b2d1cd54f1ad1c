import { pino } from "pino";
import { BuildKitError } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { parseAgentConfig } from "./config.js";
import { startAgent } from "./start.js";

/**
 * An agent as a process: settings from the environment, logs as JSON lines on stdout, SIGTERM and SIGINT drain, a second one ends at once.
 *
 * @returns the exit code: 0 after a drain; 2 for bad settings; 1 when it could not start, or had to end
 */
export async function runAgentProcess(process: NodeJS.Process): Promise<number> {
  const { env } = process;
  const draining = new AbortController();
  const onSignal = () => {
    // Whatever is cut off now is found and ended by the next start.
    if (draining.signal.aborted) process.exit(1);
    draining.abort(new GalleyError("interrupted", "The agent was told to end."));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  try {
    const config = parseAgentConfig(env);
    const log = pino({ level: config.logLevel, base: null }, pino.destination({ fd: 1, sync: true }));
    const agent = await startAgent(config, { signal: draining.signal, log, env });
    await agent.ended;
    return 0;
  } catch (error) {
    if (draining.signal.aborted && error === draining.signal.reason) return 0;
    const known = error instanceof GalleyError || error instanceof BuildKitError;
    const { code, hint, message, stack } = error as GalleyError;
    process.stderr.write(
      known
        ? `error: ${message}\n${hint ? `What to do: ${hint}\n` : ""}`
        : `unexpected error, please report it: ${stack}\n`,
    );
    return code === "config_invalid" ? 2 : 1;
  } finally {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  }
}
